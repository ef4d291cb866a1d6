"""Patterns: the ways in which actors work together, each a function that builds a team."""

from coterie.patterns.debate import agreed, debate
from coterie.patterns.orchestrator import orchestrator
from coterie.patterns.parallel import concatenate, merge, parallel
from coterie.patterns.pipeline import Stage, pipeline, stage
from coterie.patterns.planner import planner
from coterie.patterns.plans import check_plan
from coterie.patterns.refine import Review, refine

__all__ = [
    "Review",
    "Stage",
    "agreed",
    "check_plan",
    "concatenate",
    "debate",
    "merge",
    "orchestrator",
    "parallel",
    "pipeline",
    "planner",
    "refine",
    "stage",
]
