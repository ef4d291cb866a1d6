"""P28 Sessions heal: after any cut, the next request is well-formed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie import Agent, run, tool
from coterie.context import Context, Last, Own, Summary, Whole
from coterie.kernel.pairs import flaws, healed
from coterie.memory import Session
from coterie.memory.conversation import Carried, OnBusy, joined, over
from coterie.models import scripted
from coterie.models.turns import turns
from coterie.stores import MemoryStore
from coterie.testing.crash import stored
from coterie.words.brief import Brief
from coterie.words.effect import Think
from coterie.words.event import Record
from coterie.words.message import Message, ToolCall
from coterie.words.thread import Thread

IDS = st.sampled_from(["a", "b", "c", ""])
CALLS = st.lists(st.builds(ToolCall, IDS, st.just("look"), st.just({})), max_size=3).map(tuple)
MESSAGES = st.lists(
    st.one_of(
        st.builds(Message, sender=st.sampled_from(["user", "ada", "bob"]), text=st.text(max_size=5)),
        st.builds(Message, sender=st.sampled_from(["ada", "bob"]), text=st.just("call"), calls=CALLS),
        st.builds(Message, sender=st.just("look"), text=st.text(max_size=5), answers=IDS.filter(bool)),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(MESSAGES)
def test_any_thread_heals(messages: list[Message]) -> None:
    """Whatever was lost, repeated or out of order, every call is answered right after it, once."""
    mended = healed(Thread(messages))
    assert flaws(list(mended)) == []
    assert healed(mended) is mended


@settings(deadline=None)
@given(MESSAGES)
def test_healing_drops_no_text(messages: list[Message]) -> None:
    """Each text that was said is said still, in a result or in words."""
    mended = "\n".join(message.text for message in healed(Thread(messages)))
    assert [message.text for message in messages if message.text not in mended] == []


def test_a_well_formed_thread_stays_itself() -> None:
    """Nothing is copied where nothing is wrong, so prompts keep sharing their log."""
    call = Message(sender="ada", calls=(ToolCall("a", "look", {}), ToolCall("b", "look", {})))
    results = [Message(sender="look", text="x", answers=id) for id in ("b", "a")]
    thread = Thread([Message(sender="user", text="go"), call, *results, Message(sender="ada", text="done")])
    assert healed(thread) is thread


CONTEXTS = st.one_of(
    st.builds(Whole, budget=st.integers(400, 900)),
    st.builds(Summary, budget=st.integers(400, 900)),
    st.builds(Last, n=st.integers(1, 9), budget=st.none() | st.integers(400, 900)),
    st.builds(Own, budget=st.none() | st.integers(400, 900)),
)


@settings(deadline=None)
@given(st.lists(MESSAGES, max_size=5), CONTEXTS)
def test_any_trim_is_well_formed(grown: list[list[Message]], context: Context) -> None:
    """However a conversation grows and is cut, what is carried on has every pair whole."""
    session, conversation = Session(id="s", context=context), Carried()
    for turn, more in enumerate(grown, 1):
        said = (*conversation.messages, Message(sender="user", text="why " * 20), *more)
        conversation = Carried(said, conversation.left_out)
        cut = over(session, conversation, "ada")
        conversation = conversation if cut is None else joined(session, turn + 1, cut)
        thread = conversation.thread
        assert thread is not None
        assert flaws(list(thread)) == []
        assert accepted(Think("ada", "m", Brief(), thread))


def accepted(think: Think) -> bool:
    """Whether a request alternates, and begins and ends with the user's side, as every dialect wants it."""
    own = [turn.own for turn in turns(think)]
    return not own[0] and not own[-1] and all(one != other for one, other in pairwise(own))


@tool(idempotent=True)
def look(where: str) -> str:
    """Look somewhere."""
    return f"a heron at {where}"


SEER = Agent("seer", tools=[look])


def sees(think: Think) -> Message | str:
    """Two calls at once, then one, then an answer."""
    results = 0
    for message in think.thread:
        results = 0 if message.sender == "user" else results + bool(message.answers)
    if results < 3:
        wheres = ("reeds", "sky") if not results else ("pond",)
        calls = tuple(ToolCall(f"c{results}-{n}", "look", {"where": where}) for n, where in enumerate(wheres))
        return Message(sender="seer", text="I look.", calls=calls)
    return "I saw herons."


async def journals(count: int) -> list[list[Record]]:
    """The journals of a session's first runs."""
    store = MemoryStore()
    for n in range(count):
        await run(SEER, f"message {n}", model=scripted(sees), store=store, session="s")
    return [await store.read(f"s.{n}") for n in range(1, count + 1)]


async def cut_at(kept: Sequence[Record], before: Sequence[Record], session: Session) -> list[Think]:
    """What models are asked when the next message comes after a cut in the second turn."""
    store = await stored(before, "s.1")
    lease = await store.claim("s.2")
    await store.append(lease, kept)
    await store.release(lease)
    asked: list[Think] = []

    async def model(think: Think) -> Message | str:
        asked.append(think)
        return sees(think)

    result = await run(SEER, "and then?", model=model, store=store, session=session)
    assert (result.status, result.id) == ("succeeded", "s.3")
    return asked


@pytest.mark.parametrize("busy", ["queue", "interrupt"])
@pytest.mark.parametrize("budget", [8000, 400])
def test_p28_cut_anywhere_the_next_request_is_well_formed(busy: OnBusy, budget: int) -> None:
    """A run of a session is cut after each of its events; the next message's prompts are all well-formed."""

    async def scene() -> list[str]:
        first, second = await journals(2)
        session = Session(id="s", busy=busy, context=Whole(budget=budget))
        found: list[str] = []
        for cut in range(1, len(second) + 1):
            for think in await cut_at(second[:cut], first, session):
                thread = list(think.thread)
                found += [f"cut {cut}: {flaw}" for flaw in flaws(thread)]
                found += [f"cut {cut}: begins with {thread[0].sender}"] * (thread[0].sender != "user")
                found += [f"cut {cut}: no dialect takes it"] * (not accepted(think))
        return found

    assert asyncio.run(scene()) == []


@pytest.mark.parametrize("busy", ["queue", "reject", "interrupt"])
def test_p28_a_message_that_is_sent_again_goes_on(busy: OnBusy) -> None:
    """After a kill the same message is not a new one: its run goes on, and no finished call is made again."""

    async def scene() -> list[tuple[str, str, int]]:
        first, second = await journals(2)
        ends: list[tuple[str, str, int]] = []
        for cut in range(1, len(second)):
            store = await stored(first, "s.1")
            lease = await store.claim("s.2")
            await store.append(lease, second[:cut])
            await store.release(lease)
            session = Session(id="s", busy=busy)
            result = await run(SEER, "message 1", model=scripted(sees), store=store, session=session)
            ends.append((result.id, result.text, await Session(id="s").turns(store)))
        return ends

    assert set(asyncio.run(scene())) == {("s.2", "I saw herons.", 2)}
