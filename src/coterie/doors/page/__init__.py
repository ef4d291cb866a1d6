"""The page: a window on the journal, for people with a browser. Server-rendered, and whole without a network."""
