import pytest

from coterie import Agent, Get, Here, Team
from coterie.errors import BadInput, BadOutput, ModelFailed, NoProgress
from coterie.patterns.handoff import call, handoff
from coterie.testing import crash_everywhere, rehearse
from coterie.words.handover import Handover, Overwritten, Transfer
from coterie.words.task import Task
from tests.patterns.specimens.handoff import build

ann, bo, cy = Agent("ann"), Agent("bo"), Agent("cy")


def asked_of(asked):
    return [think.actor for think in asked]


def to(name, **found):
    return {"to": name, **found}


def test_an_answer_ends_the_turn_and_keeps_the_conversation():
    """Without a transfer the entry answers, and has the next turn."""
    said, asked = rehearse(handoff(ann, bo), "go", "done")
    assert (said.sender, said.text, said.output.owner, len(asked)) == ("handoff", "done", "ann", 1)


def test_a_transfer_does_not_come_back():
    """The one who took over answers, and owns the next turn."""
    said, asked = rehearse(handoff(ann, bo), "go", {"ann": [to("bo")], "bo": "mine"})
    assert (said.text, said.output.owner, asked_of(asked)) == ("mine", "bo", ["ann", "bo"])
    assert [part.sender for part in said.parts] == ["ann", "bo"]


def test_a_call_comes_back():
    """The caller goes on with the answer, and owns the next turn."""
    team = handoff(ann, bo, edges={"ann": [call("bo")]})
    said, asked = rehearse(team, "go", {"ann": [to("bo"), "all done"], "bo": "checked"})
    assert (said.text, said.output.owner, asked_of(asked)) == ("all done", "ann", ["ann", "bo", "ann"])
    assert "bo has answered ann: checked" in asked[2].thread[-1].text


def test_a_transfer_below_a_call_answers_the_caller():
    """Whoever a called member transfers to answers in its place."""
    team = handoff(ann, bo, cy, edges={"ann": [call("bo")], "bo": ["cy"]})
    said, asked = rehearse(team, "go", {"ann": [to("bo"), "end"], "bo": [to("cy")], "cy": "deep"})
    assert (said.text, said.output.owner, asked_of(asked)) == ("end", "ann", ["ann", "bo", "cy", "ann"])


def test_p17_no_value_resolved_earlier_is_lost():
    """What a member does not mention stays, over any number of hand-overs, calls included."""
    team = handoff(ann, bo, cy, edges={"ann": [call("bo")], "bo": ["cy"]})
    script = {
        "ann": [
            to("bo", resolved={"order": 7}, knowledge=["gold"]),
            to("", answer="ok", artefacts=["a.pdf"]),
        ],
        "bo": [to("cy", resolved={"sum": 20}, constraints=["by noon"])],
        "cy": [to("", answer="paid", resolved={"paid": True}, knowledge=["gold", "eu"])],
    }
    said, _ = rehearse(team, "refund me", script)
    assert said.text == "ok"
    assert said.output == Handover(
        owner="ann",
        task="refund me",
        knowledge=("gold", "eu"),
        constraints=("by noon",),
        resolved={"order": 7, "sum": 20, "paid": True},
        artefacts=("a.pdf",),
    )


def test_p17_overwriting_a_value_is_recorded():
    """The new value counts, and who replaced what can be read."""
    script = {"ann": [to("bo", resolved={"order": 7})], "bo": [to("", answer="x", resolved={"order": 8})]}
    said, _ = rehearse(handoff(ann, bo), "go", script)
    assert said.output.resolved == {"order": 8}
    assert said.output.overwritten == (Overwritten("order", 7, 8, "bo"),)


def test_p17_who_takes_over_is_shown_what_is_known():
    """The envelope is in the prompt and, typed, in the task's data; the conversation stays."""
    seen = []

    async def desk(task):
        seen.append(task)
        return "ok"

    rehearse(handoff(ann, Team("desk", (), desk)), "go", {"ann": [to("desk", resolved={"order": 7})]})
    assert '"resolved":{"order":7}' in seen[0].text
    assert (seen[0].data.task, seen[0].data.resolved, seen[0].data.owner) == ("go", {"order": 7}, "desk")
    assert [message.sender for message in seen[0].context][:2] == ["user", "ann"]


def test_p17_an_envelope_that_lacks_what_the_receiver_needs_goes_back():
    """Neither side lets it pass: the sender is told, and the receiver was not asked."""
    team = handoff(ann, bo, needs={"bo": ["order"]})
    script = {"ann": [to("bo"), to("bo", resolved={"order": 7})], "bo": "ok"}
    said, asked = rehearse(team, "go", script)
    assert asked_of(asked) == ["ann", "ann", "bo"]
    assert "'bo' needs these resolved before it takes over: ['order']" in asked[1].thread[-1].text
    assert said.output.resolved == {"order": 7}


def test_a_malformed_envelope_is_told_what_is_wrong_with_it():
    """The validator's message goes back once; then it is a typed failure with the raw text."""
    said, asked = rehearse(handoff(ann, bo), "go", {"ann": [to("bo", resolved=[1]), "sorry"]})
    assert (said.text, "Expected `object`, got `array`" in asked[1].thread[-1].text) == ("sorry", True)
    with pytest.raises(BadOutput, match="'ann' cannot hand over") as caught:
        rehearse(handoff(ann, bo), "go", {"ann": lambda _: to("bo", resolved=[1])})
    assert caught.value.raw == '{"to":"bo","resolved":[1]}'


def test_only_who_is_eligible_now_can_be_chosen():
    """The choice is listed, a wrong one goes back once, and then the first eligible member has it."""
    team = handoff(ann, bo, cy, edges={"ann": ["bo"]})
    script = {"ann": [to("cy"), to("zed", resolved={"a": 1})], "bo": "ok"}
    said, asked = rehearse(team, "go", script)
    assert asked[0].thread[-2].text.endswith("To whom: bo")
    assert "eligible are ['bo']" in asked[1].thread[-1].text
    assert asked_of(asked) == ["ann", "ann", "bo"]
    assert (said.output.owner, said.output.resolved) == ("bo", {"a": 1})
    assert "by rule, after two wrong choices" in said.missing[0].message


def test_who_is_not_eligible_is_not_chosen_by_rule_either():
    """A member whose needs are not met is passed over; without any other it is a typed failure."""
    needy = {"needs": {"bo": ["order"]}}
    said, _ = rehearse(handoff(ann, bo, cy, **needy), "go", {"ann": [to("bo"), to("bo")], "cy": "ok"})
    assert said.output.owner == "cy"
    with pytest.raises(BadOutput, match="'bo' needs these resolved"):
        rehearse(handoff(ann, bo, **needy), "go", {"ann": lambda _: to("bo")})


def test_a_conversation_goes_on_where_it_was():
    """A follow-up whose data is the last output begins with the owner of the next turn."""
    team = handoff(ann, bo)
    first, _ = rehearse(team, "go", {"ann": [to("bo", resolved={"order": 7})], "bo": "when?"})
    second, asked = rehearse(team, Task("today", data=first.output), {"bo": [to("ann")], "ann": "ok"})
    assert asked_of(asked) == ["bo", "ann"]
    assert (second.output.task, second.output.resolved, second.output.owner) == ("go", {"order": 7}, "ann")


def test_the_owner_is_on_the_board():
    """Whoever works can read who has the conversation."""
    seen = []

    async def look(task):
        path = (await Here()).rsplit("/", 1)[0]
        seen.append((await Get(f"{path}.handover")).value.owner)
        return "ok"

    rehearse(handoff(ann, Team("look", (), look)), "go", {"ann": [to("look")]})
    assert seen == ["look"]


def test_p12_control_that_goes_round_with_nothing_new_stops_at_the_third_repeat():
    """A -> B -> A is stopped with the cycle named, after two rounds and a half."""
    asked = []

    def line(think):
        asked.append(think.actor)
        return to("bo" if think.actor == "ann" else "ann")

    with pytest.raises(NoProgress, match=r"the same state 3 times: bo .* -> ann .* -> bo "):
        rehearse(handoff(ann, bo), "go", line)
    assert asked == ["ann", "bo"] * 2 + ["ann"]


def test_p12_twenty_hand_overs_with_something_new_do_not_trip_it():
    """What is known changes, so it is progress; there is a bound all the same."""

    def line(think):
        n = len(think.thread) // 2
        there = "bo" if think.actor == "ann" else "ann"
        return to(there, resolved={"n": n}) if n <= 20 else "done"

    said, asked = rehearse(handoff(ann, bo), "go", line)
    assert (said.text, len(asked), said.output.resolved) == ("done", 21, {"n": 20})
    with pytest.raises(NoProgress, match="raise max_hops"):
        rehearse(handoff(ann, bo, max_hops=10), "go", line)


def test_p12_changing_a_value_to_and_fro_is_no_progress():
    """What was known before is nothing new, however often it was overwritten."""
    with pytest.raises(NoProgress, match="the same state 3 times"):
        rehearse(
            handoff(ann, bo),
            "go",
            {"ann": lambda _: to("bo", resolved={"n": 1}), "bo": lambda _: to("ann", resolved={"n": 2})},
        )


def test_p16_the_conversation_grows_by_two_messages_a_turn():
    """What may be chosen is shown to each, and kept for nobody."""
    script = {"ann": [to("bo", progress="1")], "bo": [to("cy", progress="2")], "cy": "x"}
    _, asked = rehearse(handoff(ann, bo, cy), "go", script)
    assert [len(think.thread) for think in asked] == [2, 4, 6]


def test_a_typed_answer_is_kept():
    """A member's own output is the `answer` of the output; a typed transfer is as good as JSON."""
    typed = Agent("bo", output=dict[str, int])
    said, _ = rehearse(
        handoff(Agent("ann", output=Transfer), typed), "go", {"ann": [to("bo")], "bo": '{"a": 1}'}
    )
    assert said.output.answer == {"a": 1}


def test_what_an_inner_hand_off_resolved_is_known_outside():
    """Hand-offs nest, and lose nothing when they do."""
    inner = handoff(bo, name="inner")
    script = {"ann": [to("inner", resolved={"a": 1})], "bo": [to("", answer="ok", resolved={"b": 2})]}
    said, _ = rehearse(handoff(ann, inner), "go", script)
    assert (said.text, said.output.owner, said.output.resolved) == ("ok", "inner", {"a": 1, "b": 2})


def test_p31_two_conversations_of_one_team_know_nothing_of_each_other():
    """All that is known belongs to one run of the team."""
    team = handoff(ann, bo)
    rehearse(team, "one", {"ann": [to("bo", resolved={"a": 1})], "bo": "ok"})
    said, _ = rehearse(team, "two", "ok")
    assert said.output == Handover(owner="ann", task="two")


def test_a_member_that_fails_is_named():
    """Nothing takes its place, and its error says where it was."""
    with pytest.raises(ModelFailed) as caught:
        rehearse(handoff(ann, bo), "go", {"ann": [to("bo")], "bo": [ModelFailed("down")]})
    assert "bo" in caught.value.path


def test_what_cannot_work_is_refused_at_the_door():
    """Every name has to be a member's, and an edge leads to another one."""
    for wrong, why in [
        (handoff, "needs members"),
        (lambda: handoff(ann, ann), "a name of its own"),
        (lambda: handoff(ann, entry="zed"), "'zed' is no member"),
        (lambda: handoff(ann, edges={"ann": [call("zed")]}), "'zed' is no member"),
        (lambda: handoff(ann, needs={"zed": []}), "'zed' is no member"),
        (lambda: handoff(ann, edges={"ann": ["ann"]}), "from one member to another"),
        (lambda: handoff(ann, max_hops=0), "max_hops is 1 or more"),
    ]:
        with pytest.raises(BadInput, match=why):
            wrong()


def test_p01_a_hand_off_survives_a_crash_anywhere():
    """What is known is the same after a cut at any event."""
    result = crash_everywhere(build([ann, bo, cy]), "go", script=lambda think: think.actor)
    assert (result.text, result.output.resolved) == ("cy", {"r0": 3, "r1": 2})
