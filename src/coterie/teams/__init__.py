"""Ready-made teams, each a module with `OPTIONS` and a `build(**options)` that gives the actor."""

READY = {
    "research": "coterie.teams.research",
    "code-review": "coterie.teams.code_review",
    "support": "coterie.teams.support",
    "software": "coterie.teams.software",
    "decision": "coterie.teams.decision",
    "documents": "coterie.teams.documents",
    "data-analysis": "coterie.teams.data_analysis",
    "notify": "coterie.teams.notify",
}
"""What each is called, and the module that builds it."""
