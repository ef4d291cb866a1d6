"""Policies: who may do what. One module a kind; each is a function from a principal and an action to a decision."""

from coterie.policy.place import policy_at
from coterie.policy.rules import Rule, Rules, rules

__all__ = ["Rule", "Rules", "policy_at", "rules"]
