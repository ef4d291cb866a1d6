"""What guests share, with no framework installed: any async function that takes a turn is enough."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from coterie import Agent, File, Limits, Message, interop, run
from coterie.errors import BadInput
from coterie.interop.guest import Answer, Guest, kit, lines
from coterie.models import scripted
from coterie.patterns import pipeline, resilient
from coterie.words.brief import Brief
from coterie.words.effect import Think
from coterie.words.thread import Thread
from tests.interop.promises import GuestPromises


class Bare(Guest):
    """A guest of no framework."""


def bare(name, says, **options):
    async def take(turn):
        said = await says(turn.lines[-1].text)
        half = len(said) // 2
        turn.say(said[:half])
        turn.say(said[half:])
        turn.spend(requests=1, input_tokens=3, output_tokens=2)
        return Answer(said)

    return Bare(name, take, framework="bare", **options)


class TestGuest(GuestPromises):
    def guest(self, name, says, **options):
        return bare(name, says, **options)

    def acting(self, name, tool):
        async def take(turn):
            turn.spend(requests=2, tool_calls=1, input_tokens=None)
            return Answer(f"I have {tool('moon')}")

        return Bare(name, take, framework="bare")


def test_lines_alternate():
    """Its own words are its own; what others said in a row is one line, and each of them is named."""
    said = [("user", "Hi"), ("ada", "Yes"), ("bob", "No"), ("visitor", "Perhaps"), ("ada", "Well?")]
    thread = Thread([Message(sender=who, text=text) for who, text in said])
    found = lines(Think("visitor", "x", Brief(), thread))
    assert [(line.role, line.text) for line in found] == [
        ("user", "Hi\n\nada: Yes\n\nbob: No"),
        ("assistant", "Perhaps"),
        ("user", "ada: Well?"),
    ]


def test_a_file_is_named_where_it_cannot_be_shown():
    """Nothing is lost in silence."""
    thread = Thread([Message(sender="user", text="Look", files=(File(media="image/png", data=b"x"),))])
    assert (
        lines(Think("visitor", "x", Brief(), thread))[0].text
        == "Look\n(A file that cannot be shown here: image/png)"
    )


def test_what_cannot_be_stored_is_an_error_of_the_turn():
    """An output that has no JSON shape fails at its own step."""

    async def take(turn):
        return Answer("here", object())

    result = asyncio.run(run(Guest("visitor", take, framework="bare"), "Go"))
    assert (result.failure.kind, result.usage.requests) == ("Unstorable", 1)


def test_a_turn_that_has_begun_is_not_tried_again_in_another_way():
    """A guest may have acted, so `resilient` leaves it at its failure; one that is idempotent is tried again."""

    def tries(*, idempotent):
        begun = []

        async def take(turn):
            begun.append(1)
            raise ConnectionResetError

        guest = Guest("visitor", take, framework="bare", idempotent=idempotent)
        asyncio.run(run(resilient(guest, retries=2, delay=0), "Go"))
        return len(begun)

    assert (tries(idempotent=False), tries(idempotent=True)) == (1, 3)


def test_the_last_answer_of_a_limited_run_is_not_a_guests():
    """With `finalize` a model sums up; a guest, which may act, is not asked for that."""
    visits = []

    async def take(turn):
        visits.append(turn.lines[-1].text)
        return Answer("visited")

    guests = [Guest(name, take, framework="bare") for name in ("one", "two")]
    team, limits = pipeline(Agent("first"), *guests), Limits(requests=3, at_cap="finalize")
    result = asyncio.run(run(team, "Go", model=scripted("fine"), limits=limits))
    assert (result.status, result.text, len(visits)) == ("unverified", "fine", 1)


def test_a_name_that_cannot_be_one_is_refused():
    """At the door."""
    with pytest.raises(BadInput, match="cannot name an actor"):
        bare("a b", None)


def test_what_is_not_installed_is_said():
    """With how to get it."""
    with pytest.raises(BadInput, match="pip install no-such-framework"):
        kit("no_such_framework", "no-such-framework")


def test_nothing_is_imported_before_it_is_called():
    """Every `from_...` is there whatever is installed."""
    names = [name for name in interop.__all__ if name.startswith("from_")]
    foreign = [
        "agent_framework",
        "agents",
        "autogen_agentchat",
        "crewai",
        "google.adk",
        "langgraph",
        "pydantic_ai",
    ]
    script = (
        f"import sys, coterie.interop as i; [getattr(i, name) for name in {names!r}]; "
        f"print([name for name in {foreign!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
