"""Tools for people who write actors, patterns, stores and models: to rehearse, simulate and prove."""

from coterie.testing.crash import crash_everywhere
from coterie.testing.engines import EnginePromises
from coterie.testing.groups import GroupPromises
from coterie.testing.keepers import KeeperPromises
from coterie.testing.knowledge import KnowledgePromises
from coterie.testing.ledgers import LedgerPromises
from coterie.testing.models import ModelPromises
from coterie.testing.rehearse import rehearse
from coterie.testing.simulate import Simulated, simulate
from coterie.testing.sockets import block_sockets
from coterie.testing.still import SILENT
from coterie.testing.stores import StorePromises
from coterie.testing.tallies import TallyPromises

__all__ = [
    "SILENT",
    "EnginePromises",
    "GroupPromises",
    "KeeperPromises",
    "KnowledgePromises",
    "LedgerPromises",
    "ModelPromises",
    "Simulated",
    "StorePromises",
    "TallyPromises",
    "block_sockets",
    "crash_everywhere",
    "rehearse",
    "simulate",
]
