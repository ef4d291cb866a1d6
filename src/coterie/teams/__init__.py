"""Ready-made teams, each a module with `OPTIONS` and a `build(**options)` that gives the actor."""

READY = {"research": "coterie.teams.research"}
"""What each is called, and the module that builds it."""
