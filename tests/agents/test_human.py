"""People as actors: members of any team, asked wherever they are."""

from __future__ import annotations

import asyncio

import pytest
from msgspec import Struct

from coterie import Agent, Human, Message, Task
from coterie.errors import BadInput, BadOutput, Declined
from coterie.models import scripted
from coterie.patterns import committee, pipeline
from coterie.shell.host import Host
from coterie.stores import MemoryStore
from coterie.testing import rehearse, simulate
from coterie.testing.still import SILENT
from coterie.words.effect import Ask


class Price(Struct):
    amount: int


ECHO = scripted(lambda think: f"{think.actor} read {think.thread[-1].text}")


def answered(actor, *answers, task="Ship it?"):
    """What the run comes to when its questions are answered one after the other, and what was asked."""

    async def scene():
        store, asked = MemoryStore(), []
        async with Host(store, actor_of=lambda _: actor, model=lambda _: ECHO) as host:
            run = await host.begin(actor, task)
            for answer in answers:
                await host.wait(run)
                question = (await host.questions())[0]
                asked.append(question.ask)
                await host.answer(question.id, answer)
            return await host.wait(run), asked

    return asyncio.run(scene())


def test_a_person_is_asked_the_task_and_answers_it():
    """The answer is the message, said by the person."""
    result, asked = answered(Human("ada"), "Yes, today.")
    assert result.message == Message(sender="ada", text="Yes, today.")
    assert asked == [Ask("Ship it?", to="ada")]


def test_a_person_may_be_a_member_of_any_team():
    """What the agent before said is part of what is asked, and the answer goes on to the next."""
    team = pipeline(Agent("writer"), Human("ada"), Agent("printer"))
    result, asked = answered(team, "fine")
    assert "writer read Ship it?" in asked[0].question
    assert result.text == "printer read fine"


def test_an_answer_of_the_wrong_type_is_asked_for_again():
    """With what is wrong with it, and not for ever."""
    result, asked = answered(Human("ada", output=Price), "a lot", '{"amount": 3}')
    assert result.output == Price(3)
    assert asked[1].question.startswith("Ship it?\n\nThat answer cannot be used: ")
    result, _ = answered(Human("ada", output=Price), *["no"] * 4)
    assert (result.status, result.failure.kind) == ("failed", "BadOutput")
    assert BadOutput.__name__ == result.failure.kind


def test_a_person_votes_in_a_committee():
    """Beside agents, and by the same rule."""
    result, _ = answered(committee(Human("ada"), Human("bob")), "yes", "yes")
    assert result.text == "yes"


def test_who_does_not_answer_in_time_declines_or_has_a_deputy():
    """Time is an effect: the deadline is simulated."""
    late = simulate(Human("ada", expires=60), "go", script="x", drops=1.0)
    assert isinstance(late.error, Declined)
    assert late.error.message == "'ada' has not answered within 60 s"
    deputy = Agent("bob")
    said, _ = rehearse(
        Human("ada", expires=60, deputy=deputy),
        Task("go"),
        {"bob": "bob: go"},
        answers=lambda path, ask: SILENT,
    )
    assert said.text == "bob: go"


def test_what_cannot_be_asked_is_refused_when_it_is_built():
    """A deputy without a deadline would never be asked."""
    with pytest.raises(BadInput, match="expires"):
        Human("ada", deputy=Agent("bob"))
    with pytest.raises(BadInput, match="above 0"):
        Human("ada", expires=0)
