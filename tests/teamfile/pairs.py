"""Every pattern with its options, once as YAML and once as Python: the two have to be the same team."""

from coterie import Agent, best_effort, collect_all, quorum
from coterie.patterns import (
    Bidder,
    Breaker,
    Cache,
    Job,
    Peer,
    Route,
    Source,
    TrackRecord,
    agreed,
    auction,
    balance,
    blackboard,
    cached,
    call,
    cascade,
    chat,
    claimed,
    committee,
    consensus,
    debate,
    events,
    handoff,
    hierarchy,
    hub,
    mapreduce,
    merge,
    merging,
    on,
    orchestrator,
    parallel,
    peers,
    pipeline,
    pool,
    refine,
    resilient,
    router,
    scored,
    stage,
    supervisor,
    workqueue,
)
from coterie.patterns.trackrecord import Episodes
from coterie.patterns.votes import at_least, plurality
from coterie.teamfile.checks import check_of
from coterie.teamfile.vocabulary import has, lines
from coterie.words.plan import Plan, Step

A, B, C = (Agent(name, f"You are {name}.") for name in "abc")
AGENTS = "agents: {a: You are a., b: You are b., c: You are c.}\n"
PLAN = Plan((Step(id="s1", worker="a", task="x"), Step(id="s2", worker="b", task="y", depends_on=("s1",))))
PAIRS = {
    "auction": (
        "auction: [a, {actor: b, bid: c, at_once: 2}], score: worth, within: 5, record: {window: 9}, name: n",
        auction(A, Bidder(B, C, 2), within=5.0, record=TrackRecord(9), name="n"),
    ),
    "balance": (
        "balance: [a, b], by: weighted, weights: [1, 2.5], tries: 1",
        balance(A, B, by="weighted", weights=[1.0, 2.5], tries=1),
    ),
    "blackboard": (
        "blackboard: [a, {actor: b, needs: [a], adds: x}], done: {has: [x]}, times: 3",
        blackboard(A, Source(B, ("a",), "x"), done=has("x"), times=3),
    ),
    "cached": ("cached: a, ttl: 60, store: {most: 10}", cached(A, ttl=60.0, store=Cache(10))),
    "cascade": (
        "cascade: [a, b], good_enough: {contains: yes}",
        cascade(A, B, good_enough=check_of("contains", "yes")),
    ),
    "chat": (
        "chat: [a, b], next_speaker: c, stop: c, summary: a, turns: 5",
        chat(A, B, next_speaker=C, stop=C, summary=A, turns=5),
    ),
    "claimed": (
        "claimed: a, resource: memo, strategy: {merging: b}, write: true, priority: 2, conflicts: c",
        claimed(A, "memo", strategy=merging(B), write=True, priority=2, conflicts=C),
    ),
    "committee": (
        "committee: [a, b, c], choices: [yes, no, off], rule: {at_least: 2, rule: plurality}, on_failure: {quorum: 2}",
        committee(A, B, C, choices=["yes", "no", "off"], rule=at_least(2, plurality), on_failure=quorum(2)),
    ),
    "consensus": (
        "consensus: a, voters: [b, c], threshold: 0.5, rounds: 2, quorum: 1, within: 9",
        consensus(A, [B, C], threshold=0.5, rounds=2, quorum=1, within=9.0),
    ),
    "debate": (
        "debate: [a, b], judge: c, rounds: 3, stop: agreed, on_failure: collect_all",
        debate(A, B, judge=C, rounds=3, stop=agreed, on_failure=collect_all),
    ),
    "events": (
        "events: [{on: task, actor: a, then: x}, {pattern: x, actor: b}], start: task, until: z, hops: 3, tries: 1",
        events(on("task", A, then="x"), on("x", B), start="task", until="z", hops=3, tries=1),
    ),
    "handoff": (
        "handoff: [a, b, c], entry: b, edges: {b: [a, {call: c}], a: [{to: c, back: true}]}, needs: {c: [x]}, max_hops: 7",
        handoff(
            A,
            B,
            C,
            entry="b",
            edges={"b": ["a", call("c")], "a": [call("c")]},
            needs={"c": ["x"]},
            max_hops=7,
        ),
    ),
    "hierarchy": (
        "hierarchy: a, teams: [b, c], most: 4, on_failure: {best_effort: 30}",
        hierarchy(A, [B, C], most=4, on_failure=best_effort(within=30)),
    ),
    "hub": ("hub: a, spokes: [b, c], rounds: 2, direct: 0", hub(A, B, C, rounds=2, direct=0)),
    "mapreduce": (
        "mapreduce: a, split: lines, reduce: merge, at_once: 3, max_parts: 9",
        mapreduce(A, split=lines, reduce=merge, at_once=3, max_parts=9),
    ),
    "orchestrator": (
        (
            "orchestrator: {steps: [{id: s1, worker: a, task: x}, {id: s2, worker: b, task: y, depends_on: [s1]}]}, "
            "workers: [a, b], synthesizer: c, verify: c, replans: 2, max_steps: 9, on_failure: collect_all"
        ),
        orchestrator(PLAN, [A, B], C, verify=C, replans=2, max_steps=9, on_failure=collect_all),
    ),
    "parallel": (
        "parallel: [a, b], join: c, on_failure: {quorum: 1}, done_when: {matches: x}",
        parallel(A, B, join=C, on_failure=quorum(1), done_when=check_of("matches", "x")),
    ),
    "peers": (
        "peers: [a, {actor: b, can: [x, y], at_once: 2}], entry: b, max_moves: 9",
        peers(A, Peer(B, ("x", "y"), 2), entry="b", max_moves=9),
    ),
    "pipeline": (
        "pipeline: [a, {actor: b, check: c, fallback: a, repairs: 2}, {stage: c, check: {equals: x}}], done_when: {contains: x}",
        pipeline(
            A,
            stage(B, check=C, fallback=A, repairs=2),
            stage(C, check=check_of("equals", "x")),
            done_when=check_of("contains", "x"),
        ),
    ),
    "pool": ("pool: a, size: 2, scale_to: 3, timeout: 9", pool(A, size=2, scale_to=3, timeout=9.0)),
    "refine": (
        "refine: a, critics: [b, {contains: x}], accept: 0.8, rounds: 2",
        refine(A, B, check_of("contains", "x"), accept=0.8, rounds=2),
    ),
    "resilient": (
        (
            "resilient: a, retries: 1, delay: 0.5, most: 9, timeout: 3, breaker: {failures: 2, cooldown: 1}, fallback: b, "
            "partial: true"
        ),
        resilient(
            A,
            retries=1,
            delay=0.5,
            most=9.0,
            timeout=3.0,
            breaker=Breaker(failures=2, cooldown=1.0),
            fallback=B,
            partial=True,
        ),
    ),
    "router": (
        (
            "router: [{actor: a, description: d, keywords: [k, l], tools: [t]}, b], choose: {scored: {weights: {words: 2}}}, "
            "past_failures: true, record: {like: 5}"
        ),
        router(
            [Route(A, "d", ("k", "l"), ("t",)), B],
            scored(weights={"words": 2.0}),
            past_failures=True,
            record=Episodes(like=5),
        ),
    ),
    "supervisor": (
        "supervisor: a, workers: [b, c], verify: c, max_turns: 5, tries: 1",
        supervisor(A, [B, C], verify=C, max_turns=5, tries=1),
    ),
    "workqueue": (
        "workqueue: [a, b], tasks: [one, {text: two, priority: 3}], tries: 1, age: 2, max_added: 0",
        workqueue(A, B, tasks=["one", Job("two", 3)], tries=1, age=2, max_added=0),
    ),
}
