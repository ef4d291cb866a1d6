"""1,000 seeded schedules a pattern, with delays, failures and members of whom nothing is heard any more.

What is asserted is read from the facts of the journal, and not from what the pattern says of itself.
"""

from collections import Counter, defaultdict
from functools import partial
from hashlib import blake2b
from itertools import pairwise

from coterie import Agent, Message, Team, collect_all, gather
from coterie.errors import CoterieError, Deadlock, ModelFailed
from coterie.patterns import Bidder, Peer, Source, auction, blackboard, consensus, events, on, peers
from coterie.testing import simulate
from coterie.words.bid import Bid
from coterie.words.effect import Think
from coterie.words.event import Asked, Noted, Settled
from coterie.words.handover import Decline, HandOver, Help, Part, Split
from coterie.words.vote import Vote

SCHEDULES = 1_000


def schedules(team, script, **options):
    """Every run, ended in a message or a typed error, with its seed; none hangs, and none is stuck unnamed."""
    hurt = 0
    for seed in range(SCHEDULES):
        run = simulate(
            team,
            "go",
            script=partial(script, seed),
            seed=seed,
            latency=(0.1, 9.0),
            failures=0.1,
            drops=0.05,
            journal=True,
            **options,
        )
        assert (run.message is None) != (run.error is None), seed
        assert run.error is None or isinstance(run.error, CoterieError), (seed, run.error)
        assert not isinstance(run.error, Deadlock), (seed, run.error)
        hurt += any(isinstance(event, Settled) and event.failure is not None for event in run.journal)
        yield seed, run
    assert hurt > SCHEDULES / 4


def name(seed, think):
    """A name for who is asked what on which schedule."""
    return blake2b(f"{seed} {think.actor}".encode() + think.thread.digest, digest_size=8).hexdigest()


def die(seed, think, sides):
    """A number below `sides` that depends on who is asked what on which schedule, and on nothing else."""
    return int(name(seed, think), 16) % sides


def facts(run, *kinds):
    return [event for event in run.journal if isinstance(event, Noted) and event.fact in kinds]


def name_of(path):
    """Who has the frame of a path."""
    return path.rpartition("/")[2].partition(".")[0]


def heard_of(run):
    """The messages of models that arrived, by the path of the frame that asked."""
    said = defaultdict(list)
    for event in run.journal:
        if isinstance(event, Settled):
            said[event.path.rpartition("/")[0]].append(event.value)
    return said


def test_peers():
    """No part is done twice, nobody gets its own task back from below, and nobody does more than it can."""
    crew = [Peer(Agent("ann"), ("plan",)), *[Peer(Agent(f"p{n}"), ("sums",), at_once=2) for n in range(4)]]
    team = peers(*crew, entry="ann", on_failure=collect_all)

    def line(seed, think):
        if think.actor == "ann":
            done = "what the others made" in think.thread[-1].text
            return "all done" if done else Split(tuple(Part(f"part {n}", "sums") for n in range(6)))
        moves = [
            "done",
            "done",
            "done",
            Decline("no"),
            HandOver("sums"),
            Help("sums", f"help {name(seed, think)}"),
        ]
        return moves[die(seed, think, 6)]

    for seed, run in schedules(team, line):
        tasks, under_way, succeeded = {}, Counter(), defaultdict(list)
        for fact in facts(run, "entered", "left", "failed"):
            path, is_work = fact.path, name_of(fact.path) == name_of(fact.path.rpartition("/")[0])
            if fact.fact == "entered":
                tasks[path] = fact.about
                above = [one for one in tasks if path.startswith(f"{one}/") and name_of(one) == name_of(path)]
                assert is_work or fact.about not in [tasks[one] for one in above], (seed, path)
            if is_work:
                under_way[name_of(path)] += 1 if fact.fact == "entered" else -1
                assert under_way[name_of(path)] <= 2, (seed, path)
            elif fact.fact == "left" and tasks[path].startswith(("part", "help")):
                succeeded[tasks[path]].append(path)
        for paths in succeeded.values():
            # Whoever hands a task over has its answer from below; but no two have done it side by side.
            deepest = max(paths, key=len)
            assert all(deepest.startswith(one) for one in paths), (seed, paths)


def test_blackboard():
    """Every version of an entry keeps all that was in the one before; who has worked is in the last one."""

    def adding(member):
        async def play(task):
            said = await member(Message(sender="user", text=f"add to {task.data.get('list')}"))
            return Message(sender="", text=said.text, output=[*task.data.get("list", []), member.name])

        return Team(f"{member.name}s", [member], play)

    async def empty(task):
        return Message(sender="", output=[])

    adders = [adding(Agent(f"m{n}")) for n in range(4)]
    team = blackboard(
        Source(Team("seed", (), empty), ("task",), "list"),
        *[Source(one, ("task", "list"), "list") for one in adders],
        times=1,
    )
    for seed, run in schedules(team, lambda seed, think: "ok"):
        written = [fact.value for fact in facts(run, "put") if fact.about.endswith(".list")]
        for old, new in pairwise(written):
            assert new[:-1] == old, (seed, written)
        assert len(set(written[-1])) == len(written[-1]), (seed, written)
        last = {}
        for event in run.journal:
            if isinstance(event, Settled):
                last[name_of(event.path.rpartition("/")[0])] = event.failure is None
        if run.error is None:
            assert {name for name, good in last.items() if good} == set(written[-1]), (seed, written, last)


def test_events():
    """Each event is reacted to once by each who subscribed, or is a dead letter after three tries."""
    names = ["a", "b", "c", "d"]
    crew = {name: Agent(name) for name in names}
    team = events(
        on("task", crew["a"], then="one.a"),
        on("task", crew["b"], then="one.b"),
        on("one.*", crew["c"], then="two"),
        on("one.a", crew["d"], then="two"),
        on("two", crew["b"]),
        tries=3,
    )
    for seed, run in schedules(team, lambda seed, think: f"{think.actor}<{think.thread[-1].text}"):
        published, dead, tried, done = Counter(), Counter(), Counter(), Counter()
        tasks = {}
        for fact in facts(run, "sent", "entered", "left"):
            if fact.fact == "sent" and fact.about == "dead":
                dead[fact.value["message"]["body"]["text"]] += 1
            elif fact.fact == "sent" and "@" in fact.about and not fact.value["body"]["tries"]:
                published[fact.value["body"]["text"]] += 1
            elif fact.fact == "entered" and name_of(fact.path) in crew:
                tasks[fact.path] = (name_of(fact.path), fact.about)
                tried[tasks[fact.path]] += 1
            elif fact.fact == "left" and fact.path in tasks:
                done[tasks[fact.path]] += 1
        assert not done or max(done.values()) == 1, (seed, done)
        assert max(tried.values()) <= 3, (seed, tried)
        lost = sum(times == 3 and not done[one] for one, times in tried.items())
        assert run.error is not None or sum(published.values()) == sum(done.values()) + lost, seed
        assert sum(dead.values()) >= lost, (seed, dead, lost)


def test_auction():
    """One award a task at a time, never twice to one bidder, never more than it takes, and never one too few."""

    def bidding(name):
        def bid(task):
            worth = blake2b(f"{name} {task.text}".encode(), digest_size=1).digest()[0]
            return Bid(willing=worth > 40, capability=worth / 255)

        return bid

    crew = [Bidder(Agent(name), bidding(name), at_once=1) for name in ("ann", "bo", "cy", "dan")]
    sales = [auction(*crew, within=20, name=f"sale{n}") for n in range(3)]

    async def play(task):
        said = await gather(*(sale(f"task {n}") for n, sale in enumerate(sales)), on_failure=collect_all)
        return str(len(said))

    for seed, run in schedules(Team("market", sales, play), lambda seed, think: f"{think.actor} did it"):
        busy, awarded, open_awards, finished = {}, defaultdict(list), {}, Counter()
        for fact in facts(run, "put", "left", "failed"):
            if fact.about.endswith(".award"):
                sale, winner = fact.about.removesuffix(".award"), fact.value["to"]
                assert sale not in open_awards, (seed, fact)
                assert winner not in awarded[sale], (seed, fact)
                assert winner not in busy, (seed, fact)
                assert not finished[sale], (seed, fact)
                assert fact.value["round"] == len(awarded[sale]) + 1, (seed, fact)
                awarded[sale].append(winner)
                busy[winner], open_awards[sale] = sale, winner
            elif name_of(fact.path) in busy:
                sale = fact.path.rpartition("/")[0]
                assert busy.pop(name_of(fact.path)) == sale, (seed, fact)
                assert open_awards.pop(sale) == name_of(fact.path), (seed, fact)
                finished[sale] += fact.fact == "left"
        assert not busy, (seed, busy)


def test_consensus():
    """Each counted vote is one that was cast on that version, in time, by one voter, and once."""
    voters = [Agent(f"v{n}") for n in range(5)]
    team = consensus(Agent("pen"), voters, rounds=3, within=8)

    def line(seed, think):
        if think.actor == "pen":
            return f"draft of {len(think.thread)}"
        says = ["approve", "approve", "reject", "abstain", "well, hm", Vote("approve", proposal=9)]
        return says[die(seed, think, 6)]

    for seed, run in schedules(team, line):
        cast, asked, version = {}, {}, 0
        for event in run.journal:
            if isinstance(event, Asked) and isinstance(event.effect, Think) and event.effect.actor != "pen":
                first = next(m.text for m in event.effect.thread if m.text.startswith("Proposal "))
                asked[event.path] = int(first.split()[1].rstrip(":"))
            elif isinstance(event, Settled) and event.path in asked and event.failure is None:
                cast[name_of(event.path.rpartition("/")[0]), asked[event.path]] = event.value.text
            elif isinstance(event, Noted) and event.about.endswith(".motion"):
                motion, version = event.value, version + 1
                counted = [ballot["voter"] for ballot in motion["ballots"]]
                assert motion["version"] == version, (seed, motion)
                assert len(counted) == len(set(counted)) >= 3, (seed, motion)
                for choice in ("approve", "reject", "abstain"):
                    right = [one for one in counted if cast[one, version] == choice]
                    assert motion[choice] == len(right), (seed, choice, motion)
                needed = 2 / 3 * (motion["approve"] + motion["reject"])
                assert motion["accepted"] == (motion["approve"] >= max(needed, 1)), (seed, motion)
        assert run.error is None or type(run.error).__name__ in (
            "NoQuorum",
            ModelFailed.__name__,
            "TimedOut",
        ), seed
