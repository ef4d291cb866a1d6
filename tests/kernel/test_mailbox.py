"""Mailboxes: which message of a standing agent is next, whatever was said and taken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coterie.kernel.mailbox import Mailbox
from coterie.kernel.topics import AGE
from coterie.kernel.values import to_plain
from coterie.words.envelope import Priority
from coterie.words.standing import Follows, Lost, Said, Took


def box(*entries):
    made = Mailbox()
    for entry in entries:
        made.add(to_plain(entry))
    return made


def said(priority=Priority.NORMAL, **fields):
    return Said(text="x", priority=priority, **fields)


def test_the_most_urgent_is_next_then_the_oldest():
    """Whatever came in between; what was taken is not next again."""
    made = box(said(Priority.LOW), said(), said(Priority.URGENT), said())
    taken = []
    while made.next is not None:
        taken.append(made.next)
        made.add(to_plain(Took(taken[-1])))
    assert taken == [2, 1, 3, 0]
    assert made.turns == taken
    assert [made.turn(number) for number in (2, 1, 3, 0, 9)] == [1, 2, 3, 4, 0]


def test_waiting_makes_a_message_urgent():
    """After so many turns it is as urgent as what has just come, and older."""
    made = box(said(Priority.LOW))
    for _ in range(AGE):
        made.add(to_plain(said()))
        made.add(to_plain(Took(made.length - 1)))
    made.add(to_plain(said()))
    assert made.next == 0


def test_the_same_key_is_the_same_message():
    """It is known by its number; a message without one is not."""
    made = box(said(key="a"), said(), said(key="b"))
    assert [made.known(key) for key in ("a", "b", "c", "")] == [0, 2, None, None]


def test_a_turn_that_could_not_begin_is_the_next_ones():
    """Its message is lost, with the reason, and the next message has that very turn."""
    made = box(said(), said(), Took(0), Lost(0, "why"), Took(1))
    assert (made.turns, made.lost, made.waiting) == ([1], {0: "why"}, 0)


def test_it_is_known_what_was_heard_on_topics():
    """By what was said from there, and by what an agent was told to begin after."""
    made = box(Follows({"news": 4, "old": 7}), said(topic="news", at=5))
    assert made.heads == {"news": 5, "old": 7}


@given(st.lists(st.sampled_from([*Priority, "take"]), max_size=60))
def test_every_message_is_taken_once(deeds):
    """In whatever order things are said and taken: all that was said is taken or waits, and nothing twice."""
    made, count = Mailbox(), 0
    for deed in deeds:
        if deed != "take":
            made.add(to_plain(said(deed)))
            count += 1
        elif made.next is not None:
            made.add(to_plain(Took(made.next)))
    assert len(set(made.turns)) == len(made.turns)
    assert len(made.turns) + made.waiting == count == len(made.numbers)
