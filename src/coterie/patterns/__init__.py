"""Patterns: the ways in which actors work together, each a function that builds a team."""

from coterie.patterns.auction import auction, worth
from coterie.patterns.backlog import Job, More, Outcome
from coterie.patterns.balance import balance
from coterie.patterns.bidding import Bidder
from coterie.patterns.blackboard import Source, blackboard
from coterie.patterns.breaker import Breaker
from coterie.patterns.cached import Cache, cached
from coterie.patterns.cascade import cascade
from coterie.patterns.chat import chat
from coterie.patterns.claimed import claimed
from coterie.patterns.committee import committee
from coterie.patterns.consensus import Motion, consensus
from coterie.patterns.debate import agreed, debate
from coterie.patterns.events import Event, Reaction, events, on
from coterie.patterns.handoff import Edge, call, handoff
from coterie.patterns.hierarchy import Assignment, Assignments, hierarchy
from coterie.patterns.hub import Request, Requests, hub
from coterie.patterns.lines import by_lines
from coterie.patterns.mapreduce import Fold, mapreduce
from coterie.patterns.orchestrator import orchestrator
from coterie.patterns.parallel import concatenate, merge, parallel
from coterie.patterns.peers import peers
from coterie.patterns.pipeline import Stage, pipeline, stage
from coterie.patterns.planner import planner
from coterie.patterns.plans import check_plan
from coterie.patterns.pool import pool
from coterie.patterns.refine import Review, refine
from coterie.patterns.resilient import resilient
from coterie.patterns.router import Routing, router
from coterie.patterns.routes import Route, scored
from coterie.patterns.seats import Peer
from coterie.patterns.strategies import by_priority, escalating, in_order, merging
from coterie.patterns.supervisor import Turn, supervisor
from coterie.patterns.trackrecord import Record, TrackRecord
from coterie.patterns.workers import Worker
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
from coterie.words.vote import Ballot, Tally, Vote

__all__ = [
    "Assignment", "Assignments", "Award", "Ballot", "Bid", "Bidder", "Breaker", "Cache", "Decline", "Done",
    "Edge", "Event", "Fold", "HandOver", "Handover", "Help", "Job", "More", "Motion", "Move", "Outcome",
    "Overwritten", "Part", "Peer", "Reaction", "Record", "Request", "Requests", "Review", "Route", "Routing",
    "Source", "Split", "Stage", "Tally", "Track", "TrackRecord", "Transfer", "Turn", "Vote", "Worker",
    "agreed", "by_lines", "by_priority", "call", "check_plan", "claimed", "concatenate", "escalating", "in_order",
    "merge", "merging", "on", "planner", "scored", "stage", "worth",
    "auction", "balance", "blackboard", "cached", "cascade", "chat", "committee", "consensus", "debate", "events",
    "handoff", "hierarchy", "hub", "mapreduce", "orchestrator", "parallel", "peers", "pipeline", "pool", "refine",
    "resilient", "router", "supervisor", "workqueue",
]  # fmt: skip
