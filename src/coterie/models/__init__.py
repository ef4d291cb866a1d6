"""Who answers `Think`. One module a provider, one a wrapper around any of them."""

from coterie.models.cache import cached as cached
from coterie.models.fallback import fallback as fallback
from coterie.models.find import find as find
from coterie.models.gate import Gate as Gate
from coterie.models.gate import gated as gated
from coterie.models.guarded import guarded as guarded
from coterie.models.hosted import hosted as hosted
from coterie.models.prices import prices as prices
from coterie.models.retried import retried as retried
from coterie.models.scripted import scripted as scripted
from coterie.models.tiers import tiered as tiered

__all__ = [
    "Gate", "cached", "fallback", "find", "gated", "guarded", "hosted", "prices", "retried", "scripted", "tiered",
]  # fmt: skip
