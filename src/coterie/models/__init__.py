"""Who answers `Think`. One module a provider."""

from coterie.models.find import find as find
from coterie.models.scripted import scripted as scripted

__all__ = ["find", "scripted"]
