import pytest

from coterie import Agent, Sleep, Team, collect_all, fail_fast
from coterie.errors import BadInput, Declined, ModelFailed, NobodyCan, NoProgress
from coterie.patterns.peers import Peer, peers
from coterie.testing import crash_everywhere, rehearse, simulate
from coterie.words.handover import Decline, Done, HandOver, Help, Move, Part, Split
from tests.patterns.specimens.peers import build

ann, bo, cy = Agent("ann"), Agent("bo"), Agent("cy")
crew = (Peer(ann, ("plan",)), Peer(bo, ("sums",)), Peer(cy, ("sums", "prose")))


def asked_of(asked):
    return [think.actor for think in asked]


def test_a_plain_text_is_an_answer():
    """The entry answers, and nobody else is asked."""
    said, asked = rehearse(peers(*crew), "go", "done")
    assert (said.sender, said.text, asked_of(asked)) == ("peers", "done", ["ann"])
    assert [part.sender for part in said.parts] == ["ann"]


def test_the_entry_may_be_named():
    """A typed answer is an answer too."""
    said, asked = rehearse(peers(*crew, entry="cy"), "go", {"cy": [Done("42")]})
    assert (said.text, asked_of(asked)) == ("42", ["cy"])


def test_help_goes_to_who_can_and_comes_back():
    """The asker goes on with the result, which is a part of its answer."""
    script = {"ann": [Help("prose", "write"), "with prose"], "cy": "prose"}
    said, asked = rehearse(peers(*crew), "go", script)
    assert asked_of(asked) == ["ann", "cy", "ann"]
    assert [part.text for part in said.parts[0].parts] == ["prose"]
    assert "prose" in [message.text for message in asked[2].thread]


def test_who_is_asked_is_told_what_there_is():
    """Everybody else and their capabilities stand before the task, which comes last."""
    _, (think,) = rehearse(peers(*crew), "go", "x")
    assert think.thread[-1].text == "go"
    assert think.thread[-2].text.endswith("bo (sums); cy (sums, prose)")


def test_the_next_who_can_is_asked_when_one_declines():
    """A refusal is in `missing` with its reason, and is no part."""
    script = {"ann": [Help("sums", "add"), "ok"], "bo": [Decline("on leave")], "cy": "4"}
    said, asked = rehearse(peers(*crew), "go", script)
    assert asked_of(asked) == ["ann", "bo", "cy", "ann"]
    assert [(one.kind, one.message) for one in said.missing] == [("Declined", "'bo' declines: on leave")]


def test_handing_over_leaves_the_answer_to_another():
    """The one who handed over is not asked again."""
    said, asked = rehearse(peers(*crew), "go", {"ann": [HandOver("prose")], "cy": "mine now"})
    assert (said.text, said.parts[0].sender, asked_of(asked)) == ("mine now", "cy", ["ann", "cy"])


def test_parts_of_a_split_come_back_in_their_order():
    """They run at once, and results stand in the order of the parts, whatever ended first."""
    script = {"ann": [Split((Part("a", "sums"), Part("b", "prose"))), "both"], "bo": "A", "cy": "B"}
    run = simulate(
        peers(*crew),
        "go",
        script=script,
        latency=lambda think, _: {"ann": 1, "bo": 9, "cy": 2}[think.actor],
    )
    assert run.elapsed == 11
    assert [part.text for part in run.message.parts[0].parts] == ["A", "B"]


def test_p12_a_task_that_comes_back_is_stopped_at_the_first_repeat():
    """A -> B -> A with the same task is refused by the kernel; A is asked once, B once."""
    two = peers(Peer(ann, ("x",)), Peer(bo, ("y",)))
    with pytest.raises(NobodyCan, match="circular delegation of the same task: ann -> bo -> ann"):
        rehearse(two, "go", {"ann": [HandOver("y")], "bo": [HandOver("x")]})


def test_p12_the_asker_sees_a_circle_as_a_failure():
    """B, which asks A for A's own task, is told why it cannot have it, and may still answer."""
    script = {"ann": [HandOver("sums")], "bo": [Help("plan", " go "), "alone"]}
    said, asked = rehearse(peers(*crew), "go", script)
    assert (said.text, asked_of(asked)) == ("alone", ["ann", "bo", "bo"])
    assert said.missing[0].kind == "NobodyCan"
    assert "circular delegation" in asked[2].thread[-1].text


def test_another_task_may_come_back():
    """A -> B -> A with a smaller task is no circle."""
    script = {"ann": [Help("sums", "add"), "small", "all"], "bo": [Help("plan", "a detail"), "added"]}
    said, asked = rehearse(peers(*crew), "go", script)
    assert (said.text, asked_of(asked)) == ("all", ["ann", "bo", "ann", "bo", "ann"])


def test_nobody_can_is_typed_and_says_why():
    """Everybody is asked once, declared order, and each reason is in the error."""
    with pytest.raises(
        NobodyCan, match=r"'ann' declines: no.*ModelFailed: down.*'cy' declines: no"
    ) as caught:
        rehearse(peers(*crew), "go", {"*": lambda _: Decline("no"), "bo": lambda _: ModelFailed("down")})
    assert caught.value.path == "peers"


def test_who_has_refused_a_task_is_not_asked_for_it_again():
    """Bo declines the help and the hand-over of one task with one call of its model."""
    script = {"ann": [Help("sums", "add"), "fine"], "bo": [HandOver("prose")], "cy": [Decline("no")]}
    said, asked = rehearse(peers(*crew), "go", script)
    assert asked_of(asked) == ["ann", "bo", "cy", "ann"]
    assert "'cy' refused before" in said.missing[0].message


def test_a_member_at_capacity_declines_without_being_asked():
    """Of two parts at once the second goes to the next who can."""
    script = {"ann": [Split((Part("a", "sums"), Part("b", "sums"))), "both"], "bo": "B", "cy": "C"}
    said, _ = rehearse(peers(ann, Peer(bo, ("sums",), at_once=1), Peer(cy, ("sums",))), "go", script)
    assert [part.text for part in said.parts[0].parts] == ["B", "C"]
    assert [one.message for one in said.missing] == ["'bo' is at capacity: 1 at once"]


def test_a_place_is_given_back_when_work_fails():
    """A member that failed one task takes the next."""
    script = {"ann": [Help("sums", "one"), Help("sums", "two"), "ok"], "bo": [ModelFailed("down"), "2"]}
    said, asked = rehearse(peers(ann, Peer(bo, ("sums",), at_once=1)), "go", script)
    assert (said.text, asked_of(asked)) == ("ok", ["ann", "bo", "ann", "bo", "ann"])


@pytest.mark.parametrize("seed", range(10))
def test_no_more_than_at_once_whatever_the_schedule(seed):
    """Of six parts at once a peer works on two, and the rest goes to who has room."""
    now, most = [], []

    async def work(task):
        now.append(task.text)
        most.append(len(now))
        await Sleep(1)
        now.remove(task.text)
        return task.text

    small = Peer(Team("small", (), work), ("x",), at_once=2)
    split = Split(tuple(Part(f"{n}", "x") for n in range(6)))
    script = {"ann": [split, "all"], "bo": lambda think: think.thread[-1].text}
    run = simulate(peers(ann, small, Peer(bo, ("x",))), "go", script=script, seed=seed)
    assert [part.text for part in run.message.parts[0].parts] == [f"{n}" for n in range(6)]
    assert max(most) == 2


def test_a_choice_that_there_is_not_goes_back_once():
    """The member is told what is eligible; the second wrong choice is a refusal, and nobody was asked."""
    mended, asked = rehearse(peers(*crew), "go", {"ann": [Help("magic", "x"), "sorry"]})
    assert mended.text == "sorry"
    assert "no other peer can do 'magic'; there is bo (sums)" in asked[1].thread[-1].text
    with pytest.raises(NobodyCan, match="BadOutput: 'ann': its move cannot be followed"):
        rehearse(peers(*crew[:1]), "go", {"ann": lambda _: Help("plan", "x")})


def test_a_broken_move_is_told_what_is_wrong_with_it():
    """What is meant as a move is never taken for an answer; other JSON is one."""
    said, asked = rehearse(peers(*crew), "go", {"ann": [{"move": "help"}, {"sum": 4}]})
    assert "missing required field `can`" in asked[1].thread[-1].text
    assert said.text == '{"sum":4}'


def test_a_model_may_be_held_to_a_move():
    """An agent whose output is a `Move` is given its schema, and its answer is the text of `Done`."""
    typed = Agent("ann", output=Move)
    said, asked = rehearse(peers(typed, bo), "go", {"ann": [Help("bo", "x"), Done("42")], "bo": "y"})
    assert (said.text, said.output, asked_of(asked)) == ("42", None, ["ann", "bo", "ann"])


def test_the_same_wish_three_times_is_no_progress():
    """A member that asks for what it was refused, again and again, is stopped."""
    script = {"ann": lambda _: Help("sums", "add"), "*": lambda _: Decline("no")}
    with pytest.raises(NobodyCan, match="NoProgress: the same state 3 times"):
        rehearse(peers(*crew), "go", script)


def test_the_turns_of_all_are_bounded():
    """New wishes without end come to an end as well."""
    script = {"ann": lambda think: Help("sums", f"add {len(think.thread)}"), "*": "1"}
    with pytest.raises(NoProgress, match="raise max_moves"):
        rehearse(peers(*crew, max_moves=20), "go", script)


def test_p14_a_split_keeps_what_there_is():
    """Under `collect_all` a failed part is missing; under `fail_fast` the split fails."""
    members = (ann, Peer(bo, ("x",)), Peer(cy, ("y",)))
    split = Split((Part("a", "x"), Part("b", "y")))
    script = lambda: {"ann": [split, "half"], "bo": [ModelFailed("down")], "cy": "B"}
    said, _ = rehearse(peers(*members, on_failure=collect_all), "go", script())
    assert (said.text, [one.kind for one in said.missing]) == ("half", ["NobodyCan"])
    run = simulate(peers(*members, on_failure=fail_fast), "go", script=script())
    assert run.message.text == "B"  # ann could not, and of the others cy could


def test_a_member_that_is_a_team_may_raise_its_refusal():
    """`Declined` is a refusal, whoever raises it."""

    async def closed(task):
        raise Declined("closed on Sundays")

    said, _ = rehearse(peers(Team("shop", (), closed), bo), "go", {"bo": "open"})
    assert (said.text, said.missing[0].message) == ("open", "closed on Sundays")


def test_what_cannot_work_is_refused_at_the_door():
    """Names have to tell members apart, and the entry has to be one."""
    for wrong, why in [
        (peers, "needs members"),
        (lambda: peers(ann, ann), "a name of its own"),
        (lambda: peers(ann, entry="zed"), r"one of \['ann'\], not 'zed'"),
        (lambda: peers(Peer(ann, at_once=0)), "1 or more"),
        (lambda: peers(ann, max_moves=0), "1 or more"),
    ]:
        with pytest.raises(BadInput, match=why):
            wrong()


def test_p31_two_tasks_of_one_team_know_nothing_of_each_other():
    """Capacity and refusals belong to one task, so the second run is like the first."""
    team = peers(Peer(ann, at_once=1), bo)
    first, _ = rehearse(team, "go", {"ann": [Decline("no")], "bo": "b"})
    second, _ = rehearse(team, "go", {"ann": "a"})
    assert (first.text, second.text) == ("b", "a")


def test_p01_peers_survive_a_crash_anywhere():
    """A split over two members comes out the same after a cut at any event."""
    result = crash_everywhere(build([bo, cy]), "go", script=lambda think: think.actor)
    assert (result.status, result.text) == ("succeeded", "bo + cy")
