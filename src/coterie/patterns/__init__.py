"""Patterns: the ways in which actors work together, each a function that builds a team."""

from coterie.patterns.auction import Bidder, auction, worth
from coterie.patterns.backlog import Job, More, Outcome
from coterie.patterns.debate import agreed, debate
from coterie.patterns.handoff import Edge, call, handoff
from coterie.patterns.orchestrator import orchestrator
from coterie.patterns.parallel import concatenate, merge, parallel
from coterie.patterns.peers import peers
from coterie.patterns.pipeline import Stage, pipeline, stage
from coterie.patterns.planner import planner
from coterie.patterns.plans import check_plan
from coterie.patterns.refine import Review, refine
from coterie.patterns.seats import Peer
from coterie.patterns.trackrecord import Record, TrackRecord
from coterie.patterns.workqueue import workqueue
from coterie.words.bid import Award, Bid, Track
from coterie.words.handover import (
    Decline,
    Done,
    HandOver,
    Handover,
    Help,
    Move,
    Overwritten,
    Part,
    Split,
    Transfer,
)

__all__ = [
    "Award", "Bid", "Bidder", "Decline", "Done", "Edge", "HandOver", "Handover", "Help", "Job", "More", "Move",
    "Outcome", "Overwritten", "Part", "Peer", "Record", "Review", "Split", "Stage", "Track", "TrackRecord",
    "Transfer",
    "agreed", "call", "check_plan", "concatenate", "merge", "planner", "stage", "worth",
    "auction", "debate", "handoff", "orchestrator", "parallel", "peers", "pipeline", "refine", "workqueue",
]  # fmt: skip
