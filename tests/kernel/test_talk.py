import pytest

from coterie import Get, Hear, Put, Send, Sleep, Watch, collect_all, first, gather
from coterie.errors import BadInput, Deadlock, Unstorable
from coterie.kernel.machine import Machine
from coterie.kernel.topics import AGE
from coterie.team import actor_of
from coterie.testing import rehearse, simulate
from coterie.words.effect import Entry, Inbox, Subscribe, Subscribers, Unsubscribe
from coterie.words.task import Task


def told(play):
    return rehearse(play)[0].text


def test_the_most_urgent_message_is_heard_first_then_the_oldest():
    """Four priorities, and order within each."""

    async def play(task):
        for message, priority in [("a", 1), ("b", 0), ("c", 3), ("d", 1), ("e", 2)]:
            await Send("t", message, priority)
        return "".join([await Hear("t") for _ in range(5)])

    assert told(play) == "ceadb"


def test_each_message_is_heard_once_and_by_whoever_has_waited_longest():
    """Hearers queue."""

    async def hearer(name):
        return f"{name}{await Hear('t')}"

    async def sender():
        for n in range(3):
            await Send("t", n)
        return ""

    async def play(task):
        return " ".join(await gather(hearer("a"), hearer("b"), hearer("c"), sender()))

    assert told(play) == "a0 b1 c2 "


def test_a_hearer_that_was_closed_takes_nothing():
    """A message goes to somebody who still waits."""

    async def play(task):
        await gather(gather(Hear("t"), fails()), on_failure=_collect)
        await Send("t", "kept")
        return await Hear("t")

    async def fails():
        raise KeyError

    from coterie import collect_all as _collect

    assert told(play) == "kept"


def test_a_priority_beyond_the_four_is_refused():
    """The error is the sender's."""

    async def play(task):
        await Send("t", "x", 4)

    with pytest.raises(BadInput, match="0 to 3"):
        rehearse(play)


def test_a_message_from_outside_wakes_who_listens():
    """Waiting for the outside is not being stuck."""

    async def play(task):
        return await Hear("news", outside=True)

    machine = Machine(_actor(play), Task("go"))
    assert (machine.done, machine.listening) == (False, True)
    machine.tell("news", "now")
    assert machine.value.text == "now"


def test_a_write_names_the_version_it_saw():
    """A compare-and-set that comes too late gives 0 and changes nothing."""

    async def play(task):
        versions = [
            await Put("k", "a"),
            await Put("k", "b", 1),
            await Put("k", "c", 1),
            await Put("n", "x", 0),
        ]
        return f"{versions} {await Get('k')}"

    expected = Entry("k", "b", 2, "play")
    assert told(play) == f"[1, 2, 0, 1] {expected}"


def test_no_update_is_lost_on_any_schedule():
    """20 writers that retry their compare-and-set count to 20, whatever the order."""

    async def add(n):
        await Sleep(1)
        while True:
            entry = await Get("count")
            if await Put("count", (entry.value or 0) + 1, entry.version):
                return n

    async def play(task):
        await gather(*(add(n) for n in range(20)))
        return str((await Get("count")).value)

    assert {simulate(play, seed=seed).message.text for seed in range(20)} == {"20"}


def test_an_entry_that_is_not_there_has_version_0():
    """Reading it is no error."""

    async def play(task):
        return str(await Get("k") == Entry("k"))

    assert told(play) == "True"


def test_watching_waits_for_a_newer_version():
    """A version that is there already is given at once; all who wait are woken."""

    async def watcher(after):
        return str((await Watch("k", after)).version)

    async def writer():
        for n in range(3):
            await Sleep(1)
            await Put("k", n)
        return ""

    async def play(task):
        seen = await gather(watcher(0), watcher(0), watcher(2), writer())
        return " ".join([*seen, await watcher(1)])

    assert simulate(play).message.text == "1 1 3  3"


def test_what_cannot_be_stored_fails_its_own_step():
    """The error names the place in the value, at the one who wrote it."""

    async def play(task):
        with pytest.raises(Unstorable, match=r"\$\.a\[1\] is a object"):
            await Put("k", {"a": [1, object()]})
        with pytest.raises(Unstorable):
            await Send("t", object())
        return str((await Get("k")).version)

    assert Machine(_actor(play), Task("go")).value.text == "0"


def _actor(play):
    from coterie import Team

    return Team("play", (), play)


def test_waiting_is_worth_a_priority():
    """However many urgent messages there are, a low one is heard after three times `AGE` of them and one more."""

    async def play(task):
        await Send("t", "low", 0)
        for n in range(3 * AGE + 2):
            await Send("t", n, 3)
            if await Hear("t") == "low":
                return str(n)
        return "starved"

    assert told(play) == str(3 * AGE + 1)


def full(overflow, count=3, limit=2):
    """A play that sends `count` messages to an inbox of `limit`, then hears what is there and what is dead."""

    async def sender(task):
        await Inbox("t", limit, overflow)
        for n in range(count):
            await Send("t", n)
        return "sent"

    async def play(task):
        said = await gather(actor_of(sender)("x"), on_failure=collect_all)
        heard = [await Hear("t") for _ in range(limit)]
        lost = await first(Hear("dead"), _nothing()) if overflow.startswith("drop") else None
        return f"{heard} {lost and (lost.topic, lost.message)} {[getattr(one, 'kind', '') for one in said]}"

    return play


async def _nothing():
    await Sleep(1)


@pytest.mark.parametrize(
    ("overflow", "expected"),
    [
        ("drop_oldest", "[1, 2] ('t', 0) ['']"),
        ("drop_new", "[0, 1] ('t', 2) ['']"),
        ("refuse", "[0, 1] None ['InboxFull']"),
    ],
)
def test_a_full_inbox_does_what_it_says(overflow, expected):
    """What is dropped is a dead letter; what is refused is the sender's error."""
    assert told(full(overflow)) == expected


def test_a_sender_waits_for_room():
    """Nothing is lost, and order is kept."""

    async def speaker():
        await Inbox("t", 2)
        for n in range(10):
            await Send("t", n)
        return []

    async def hearer():
        return [await Hear("t") for _ in range(10)]

    async def play(task):
        return str((await gather(speaker(), hearer()))[1])

    assert told(play) == str(list(range(10)))


def test_a_sender_that_nobody_makes_room_for_is_a_named_deadlock():
    """The error says which topic is full."""

    async def play(task):
        await Inbox("t", 1)
        await Send("t", 1)
        await Send("t", 2)

    with pytest.raises(Deadlock, match="sends on 't', which is full"):
        rehearse(play)


def test_an_inbox_that_cannot_be_is_refused():
    """A limit is 1 or more, a policy one of four, a pattern made of words."""

    async def play(task):
        for wrong in (Inbox("t", 0), Inbox("t", 1, "ignore"), Subscribe("a..b", "i"), Subscribe(">.a", "i")):
            with pytest.raises(BadInput):
                await wrong
        return "ok"

    assert told(play) == "ok"


def test_a_published_topic_reaches_each_inbox_once():
    """`*` is one word, `>` one or more; subscriptions end when they are told to, or their strand ends."""

    async def play(task):
        for pattern, inbox in [("a.*", "one"), ("a.>", "many"), ("a.b", "one"), (">", "all"), ("*", "word")]:
            await Subscribe(pattern, inbox)
        found = [await Subscribers(topic) for topic in ("a.b", "a.b.c", "a", "b")]
        await Unsubscribe("all")
        await gather(Subscribe("b", "gone"))
        return str([*found, await Subscribers("b")])

    assert told(play) == str(
        [("one", "many", "all"), ("many", "all"), ("all", "word"), ("all", "word"), ("word",)]
    )
