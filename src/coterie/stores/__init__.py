"""Where journals live. One module a place; each keeps `coterie.testing.StorePromises`."""

from coterie.stores.memory import MemoryStore as MemoryStore
from coterie.stores.memory import NullStore as NullStore
from coterie.stores.sqlite import SqliteStore as SqliteStore
