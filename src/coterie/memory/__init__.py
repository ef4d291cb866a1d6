"""Memory: what actors can find again. Folders of documents, their passages, and citations of them."""
