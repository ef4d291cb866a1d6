"""Memory: what actors can find again. Knowledge and episodes, folders of documents, and citations of them."""

import os

# Two BLAS threads that wait for each other stand still where the cores are shared with anything else
# (a language model, say). NumPy works with one, and batches run side by side in threads of ours.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from coterie.memory.knowledge import MemoryKnowledge
from coterie.memory.layers import Memory
from coterie.memory.sqlite import SqliteKnowledge

__all__ = ["Memory", "MemoryKnowledge", "SqliteKnowledge"]
