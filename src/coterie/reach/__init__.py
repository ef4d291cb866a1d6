"""Reach: what may be connected to where somebody else has named the address. One screen, used wherever that is so."""

from coterie.reach.screen import Place, Screen, is_public

__all__ = ["Place", "Screen", "is_public"]
