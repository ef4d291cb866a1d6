import pytest

from coterie import Claim, Release, Sleep, Team, collect_all, first, gather
from coterie.errors import BadInput, Deadlock
from coterie.testing import rehearse, simulate


def log_of(play, **options):
    return simulate(play, **options).message.text


def test_one_writes_and_many_read():
    """Readers share, a writer is alone, and a reader does not pass a writer that waits."""
    log = []

    async def user(name, write):
        await Claim("doc", write)
        log.append(name)
        await Sleep(1)
        log.append(name.upper())
        await Release("doc")

    async def play(task):
        log.clear()
        await gather(user("a", False), user("b", False), user("w", True), user("c", False))
        return " ".join(log)

    assert log_of(play) in {"a b A B w W c C", "a b B A w W c C"}


def test_the_most_urgent_is_next():
    """Priority decides who is served, and order among equals."""
    log = []

    async def user(name, priority):
        await Claim("doc", priority=priority)
        log.append(name)
        await Sleep(1)

    async def play(task):
        log.clear()
        await gather(user("a", 1), user("b", 1), user("c", 1), user("d", 3))
        return "".join(log)

    assert log_of(play) == "adbc"


def test_a_claim_ends_with_its_frame():
    """Left, failed or closed: what a frame held is free."""

    async def leaves():
        await Claim("doc")

    async def fails():
        await Claim("doc")
        raise KeyError

    async def sleeps():
        await Claim("doc")
        await Sleep(9)

    async def play(task):
        await gather(leaves(), fails(), on_failure=collect_all)
        await first(sleeps(), Sleep(1))
        await Claim("doc")
        return "mine"

    assert log_of(play) == "mine"


def test_a_circle_of_claims_is_a_named_deadlock_at_once():
    """Others still work, so nothing waits for the run to be stuck."""

    async def user(one, other):
        await Claim(one)
        await Sleep(1)
        await Claim(other)

    async def busy():
        await Sleep(100)

    async def play(task):
        await gather(user("x", "y"), user("y", "x"), busy())

    run = simulate(play)
    assert isinstance(run.error, Deadlock)
    assert run.elapsed < 2
    assert "a circle of claims: play/user" in str(run.error)
    assert "-> play/user.2" in str(run.error)


def test_waiting_for_a_branch_that_waits_for_oneself_is_a_circle():
    """A team that holds what its member needs can never go on."""

    async def member(task):
        await Claim("doc")

    inner = Team("inner", (), member)

    async def play(task):
        await Claim("doc")
        await gather(inner("a"), Sleep(50))

    with pytest.raises(Deadlock, match="circle of claims: play/inner -> play -> play/inner"):
        rehearse(play)


def test_what_was_not_claimed_cannot_be_released():
    """The error is the play's."""

    async def play(task):
        await Release("doc")

    with pytest.raises(BadInput, match="'play' has not claimed 'doc'"):
        rehearse(play)


def test_a_reader_may_become_the_writer():
    """Where nobody else reads; and claiming twice is claiming once."""

    async def play(task):
        for write in (False, True, True):
            await Claim("doc", write)
        await Release("doc")
        return "done"

    assert log_of(play) == "done"
