"""What the house asks of the outside: small protocols. Structural: nobody has to inherit."""

from coterie.ports.engines import Engine, Surveyed, Work
from coterie.ports.knowledge import Knowledge, Memory
from coterie.ports.ledgers import Entry, Ledgers
from coterie.ports.models import DROPPED, Embedder, Model
from coterie.ports.observers import Observer, Tracer
from coterie.ports.policies import Policy
from coterie.ports.stores import DUE, HANDED, Counting, Hear, Keeper, Lease, Store, Tally

__all__ = [
    "Counting",
    "DROPPED",
    "DUE",
    "Embedder",
    "Engine",
    "Entry",
    "HANDED",
    "Hear",
    "Keeper",
    "Knowledge",
    "Lease",
    "Ledgers",
    "Memory",
    "Model",
    "Observer",
    "Policy",
    "Store",
    "Surveyed",
    "Tally",
    "Tracer",
    "Work",
]
