from threading import Thread

import pytest

from coterie import Agent, Get, Here, Team, gather, within
from coterie.errors import BadInput, Late, ModelFailed, NoBidder, NobodyCan
from coterie.patterns import Bidder, auction, worth
from coterie.patterns.trackrecord import TrackRecord
from coterie.testing import crash_everywhere, rehearse, simulate
from coterie.words.bid import Award, Bid, Track
from tests.patterns.specimens.auction import build

ann, bo, cy = Agent("ann"), Agent("bo"), Agent("cy")


def offers(actor, capability=0.5, *, at_once=None, **more):
    return Bidder(actor, lambda task: Bid(True, capability, **more), at_once)


def refuses(actor):
    return Bidder(actor, lambda task: Bid(willing=False, reason="busy"))


def asked_of(asked):
    return [think.actor for think in asked]


def test_the_best_bid_gets_the_task():
    """Who does not win is not asked to work; bids and the answer are the parts."""
    said, asked = rehearse(auction(offers(ann, 0.4), offers(bo, 0.9), refuses(cy)), "go", "done")
    assert (said.sender, said.text, asked_of(asked)) == ("auction", "done", ["bo"])
    assert [part.sender for part in said.parts] == ["ann", "bo", "cy", "bo"]
    assert [part.output.willing for part in said.parts[:3]] == [True, True, False]


def test_agents_are_asked_for_a_bid_and_told_not_to_begin():
    """An agent without that type is given it for its bid, and has its own for the work."""
    script = {"ann-bid": [Bid(True, 0.3)], "bo-bid": [Bid(True, 0.7)], "bo": "done"}
    said, asked = rehearse(auction(ann, bo), "go", script)
    assert (said.text, asked_of(asked)) == ("done", ["ann-bid", "bo-bid", "bo"])
    assert asked[0].thread[0].text == "go"
    assert asked[0].thread[-1].text.startswith("This task is open. Do not do it now")


def test_a_bid_that_is_none_goes_back_and_then_does_not_count():
    """One capability is out of range for ever: that bidder is missing, with what it said."""
    script = {"ann-bid": lambda _: {"willing": True, "capability": 2}, "bo-bid": [Bid(True)], "bo": "done"}
    said, _ = rehearse(auction(ann, bo, within=None), "go", script)
    assert [one.kind for one in said.missing] == ["BadOutput"]
    assert said.parts[0].sender == "bo"


def test_a_bidder_that_is_a_team_answers_with_a_bid():
    """Its text goes back once with what is wrong with it."""

    async def play(task):
        if not task.text.startswith(("This task", "That cannot")):
            return "done"
        return '{"willing": true}' if "That cannot" in task.text else "gladly"

    said, _ = rehearse(auction(Team("shop", (), play)), "go")
    assert (said.text, said.parts[0].output) == ("done", Bid(True))


def test_of_equals_the_first_declared_wins():
    """There are no dice in it, whatever bid came first."""
    assert rehearse(auction(offers(bo), offers(ann), offers(cy)), "go", lambda t: t.actor)[0].text == "bo"


def test_the_default_score_weighs_price_and_time():
    """Capability times trust, divided by price and time."""
    assert worth(Bid(True, 0.8), Track()) == 0.4
    assert worth(Bid(True, 0.8, cost=1.0, seconds=60), Track()) == 0.1
    assert worth(Bid(True, 0.8), Track(successes=2)) == pytest.approx(0.6)


def test_the_score_may_be_given():
    """Here the cheapest wins."""
    team = auction(offers(ann, 0.9, cost=5), offers(bo, 0.1, cost=1), score=lambda bid, track: -bid.cost)
    assert rehearse(team, "go", lambda think: think.actor)[0].text == "bo"


def test_bids_have_a_deadline():
    """A late bid does not count, however good, and its bidder is missing."""
    script = {"ann-bid": [Bid(True, 1.0)], "bo-bid": [Bid(True, 0.1)], "bo": "done"}
    run = simulate(
        auction(ann, bo, within=10),
        "go",
        script=script,
        latency=lambda think, _: {"ann-bid": 60, "bo-bid": 1, "bo": 5}[think.actor],
    )
    assert (run.message.text, run.elapsed) == ("done", 15)
    assert [one.kind for one in run.message.missing] == ["Late"]


def test_nobody_willing_is_typed_and_says_why():
    """No bidder, no work; the reasons are in the error."""
    with pytest.raises(NoBidder, match=r"ann is unwilling \(busy\); bo is unwilling \(busy\)"):
        rehearse(auction(refuses(ann), refuses(bo)), "go", "never")


def test_it_is_announced_again_without_a_winner_that_failed():
    """The next best gets it, and the failure is in `missing`."""
    script = {"bo": [ModelFailed("down")], "*": lambda think: think.actor}
    said, asked = rehearse(auction(offers(ann, 0.4), offers(bo, 0.9), offers(cy, 0.5)), "go", script)
    assert (said.text, asked_of(asked)) == ("cy", ["bo", "cy"])
    assert [part.sender for part in said.parts] == ["ann", "cy", "cy"]
    assert [one.message for one in said.missing] == ["down"]


def test_when_every_winner_fails_nobody_can():
    """Each bidder is awarded at most once."""
    asked = []

    def line(think):
        asked.append(think.actor)
        return ModelFailed(f"{think.actor} is down")

    with pytest.raises(NobodyCan, match=r"2 got 'go' and failed.*bo is down.*ann is down") as caught:
        rehearse(auction(offers(ann, 0.4), offers(bo, 0.9)), "go", line)
    assert (asked, type(caught.value)) == (["bo", "ann"], NobodyCan)


def test_an_award_is_on_the_board():
    """The winner can read that it won, in which round, and at what score."""
    seen = []

    async def look(task):
        path = (await Here()).rsplit("/", 1)[0]
        seen.append((await Get(f"{path}.award")).value)
        return "ok"

    rehearse(auction(offers(Team("look", (), look), 0.8)), "go")
    assert seen == [Award("look", 1, 0.4, Bid(True, 0.8))]


def test_a_bidder_at_capacity_bids_unwilling():
    """Two auctions of one run at once share it, so the second task goes to another."""
    team = auction(offers(ann, 0.9, at_once=1), offers(bo, 0.1))

    async def two(task):
        async def late():
            await Here()
            return await team("second")

        said = await gather(team("first"), late())
        return "; ".join(f"{one.text} {one.parts[0].text}" for one in said)

    said, _ = rehearse(Team("two", [team], two), "go", lambda think: think.actor)
    assert said.text == "ann ; bo at capacity: 1 at once"


@pytest.mark.parametrize("seed", range(20))
def test_no_more_than_at_once_whatever_the_schedule(seed):
    """Eight auctions at once never give one bidder more than it takes, and lose no task."""
    under_way = {"ann": 0, "bo": 0}
    most = dict(under_way)

    def working(actor):
        async def play(task):
            under_way[actor.name] += 1
            most[actor.name] = max(most.values())
            most[actor.name] = max(under_way[actor.name], most[actor.name])
            said = await actor(task)
            under_way[actor.name] -= 1
            return said

        return Team(f"{actor.name}s", [actor], play)

    team = auction(offers(working(ann), 0.9, at_once=1), offers(working(bo), 0.2))

    async def many(task):
        return "".join(said.text for said in await gather(*(team(f"task {n}") for n in range(8))))

    run = simulate(Team("many", [team], many), "go", script=lambda think: "x", seed=seed)
    assert run.message.text == "x" * 8
    assert most["ann"] == 1


def test_a_place_is_given_back_when_the_winner_fails():
    """The failed award does not count as under way."""
    team = auction(offers(ann, at_once=1))

    async def twice(task):
        try:
            return await team("one")
        except NobodyCan:
            return await team("two")

    assert rehearse(Team("twice", [team], twice), "go", [ModelFailed("down"), "ok"])[0].text == "ok"


def test_p11_a_place_is_given_back_when_the_auction_is_closed():
    """Whoever stops waiting for an auction does not leave its winner busy for the rest of the run."""
    team = auction(offers(ann, at_once=1))

    async def impatient(task):
        try:
            return await within(1, team("slow"))
        except Late:
            return await team("again")

    run = simulate(Team("impatient", [team], impatient), "go", script="ok", latency=5)
    assert (run.message.text, run.elapsed) == ("ok", 6)


def test_p11_a_late_bid_does_not_outlive_its_deadline():
    """What is late is closed, so nothing of it is under way when the winner works."""
    script = {"bo-bid": [Bid(True)], "*": "x"}
    run = simulate(
        auction(ann, bo, within=2), "go", script=script, latency=lambda t, _: 9 if t.actor == "ann-bid" else 1
    )
    assert run.elapsed == 3
    assert not [path for path in run.schedule if "ann-bid" in path]


def test_a_track_record_feeds_later_scores():
    """Of two equal bids the one that failed before loses the next time."""
    record = TrackRecord()
    team = auction(offers(ann), offers(bo), record=record)
    rehearse(team, "one", {"ann": [ModelFailed("down")], "bo": "bo"})
    assert record.tracks(["ann", "bo", "new"]) == {"ann": Track(0, 1), "bo": Track(1, 0), "new": Track()}
    said, asked = rehearse(team, "two", lambda think: think.actor)
    assert (said.text, asked_of(asked)) == ("bo", ["bo"])


def test_a_key_counts_once_and_old_awards_are_forgotten():
    """A note repeated after a crash is the same note."""
    record = TrackRecord(window=2)
    for key in ("a", "a"):
        record.note("ann", True, key)
    assert record.tracks(["ann"]) == {"ann": Track(1, 0)}
    for key in ("b", "c"):
        record.note("bo", True, key)
    assert record.tracks(["ann", "bo"]) == {"ann": Track(0, 0), "bo": Track(2, 0)}


def test_p31_a_track_record_is_shared_by_threads():
    """No note is lost, and reading disturbs nobody."""
    record = TrackRecord(window=10_000)

    def work():
        for _ in range(500):
            record.note("ann", True)
            record.tracks(["ann"])

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert record.tracks(["ann"]) == {"ann": Track(2000, 0)}


def test_p01_the_record_is_read_and_noted_once_a_run():
    """What was read is journaled, so a resumed run awards as before, and one note a run is counted."""
    record = TrackRecord()
    team = auction(offers(ann), offers(bo), record=record)
    result = crash_everywhere(team, "go", script=lambda think: think.actor)
    assert (result.status, result.text) == ("succeeded", "ann")
    assert record.tracks(["ann"]) == {"ann": Track(1, 0)}


def test_what_cannot_work_is_refused_at_the_door():
    """Names have to tell bidders apart."""
    for wrong, why in [
        (auction, "needs bidders"),
        (lambda: auction(ann, ann), "a name of its own"),
        (lambda: auction(ann, within=-1), "within is 0 or more"),
        (lambda: auction(Bidder(ann, at_once=0)), "at_once 1 or more"),
        (lambda: TrackRecord(0), "1 award or more"),
    ]:
        with pytest.raises(BadInput, match=why):
            wrong()


def test_p01_an_auction_survives_a_crash_anywhere():
    """The same bidder wins after a cut at any event, and no award is made twice."""
    result = crash_everywhere(build([ann, bo]), "go", script=lambda think: think.actor)
    assert (result.status, result.text) == ("succeeded", "ann")


def test_p01_capacity_survives_a_crash_anywhere():
    """What is under way is counted again as it was, when several auctions of a run are resumed."""
    team = auction(offers(ann, 0.9, at_once=1), offers(bo, 0.2))

    async def three(task):
        return "".join(sorted(said.text for said in await gather(*(team(f"task {n}") for n in range(3)))))

    assert crash_everywhere(Team("three", [team], three), "go", script=lambda t: t.actor).text == "annbobo"
