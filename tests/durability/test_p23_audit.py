"""P23: an export is checked offline, and every flipped, dropped or swapped byte or event is found."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from coterie import Agent, Task, Team, do, resume, run, tool
from coterie.doors.cli.commands import coterie
from coterie.errors import Corrupt
from coterie.kernel.audit import report
from coterie.models import scripted
from coterie.shell.audit import exported
from coterie.shell.host import Host
from coterie.shell.retention import redact
from coterie.stores import MemoryStore, SqliteStore
from coterie.wire import signature
from coterie.wire.export import Export, problems, read, sealed
from coterie.words.effect import Answer
from coterie.words.message import Message, ToolCall
from coterie.words.permit import Ruling
from coterie.words.principal import Principal

LONG = "a rule of the house. " * 4_000


@tool(needs_approval=lambda given: given["usd"] > 100)
def pay(to: str, usd: float) -> str:
    """Pay somebody."""
    return f"paid {to}"


@tool
def post(what: str) -> str:
    """Write something into the books."""
    return f"posted {what}"


def clerk(think: Any) -> Any:
    """A model that pays Ada 250 dollars, then Bob 5, then says so."""
    said = [message for message in think.thread if message.answers]
    if len(said) == 0:
        return Message(
            sender="clerk",
            text="Ada's bill is due.",
            calls=(ToolCall("1", "pay", {"to": "ada", "usd": 250}),),
        )
    if len(said) == 1:
        return ToolCall("2", "pay", {"to": "bob", "usd": 5})
    return "; ".join(message.text for message in said)


def _office() -> Team:
    clerk_ = Agent("clerk", LONG, tools=[pay])

    async def play(task: Task) -> str:
        said = await clerk_(task.text)
        await do(post, what="both")
        return said.text

    return Team("office", (clerk_,), play)


async def _written(path: Path) -> SqliteStore:
    """A store with a run in it whose approval was given by Eve, with other arguments."""
    store = SqliteStore(path)
    async with Host(store, actor_of=lambda began: _office(), model=lambda origin: scripted(clerk)) as host:
        await host.begin(_office(), "pay them", id="r", origin={"by": "dan"})
        await host.wait("r")
        [asked] = await host.questions()
        await host.answer(asked.id, {"to": "ada", "usd": 200}, "eve")
        assert (await host.wait("r")).text == "paid ada; paid bob"
    return store


@pytest.fixture(scope="module")
def key() -> signature.Key:
    return signature.key_of(signature.made()[0], where="here")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, key: signature.Key) -> dict[str, bytes]:
    """The same run exported without a signature, with one, without event 4, and after words were taken out."""

    async def write() -> dict[str, bytes]:
        store = await _written(tmp_path_factory.mktemp("p23") / "r.db")
        made = {
            "plain": await exported(store, "r"),
            "signed": await exported(store, "r", key=key),
            "redacted": await exported(store, "r", without=[4]),
        }
        await redact(store, "r", text="ada", by="eve", why="she asked")
        made["erased"] = await exported(store, "r", key=key)
        await store.close()
        return made

    return asyncio.run(write())


@pytest.fixture(params=["plain", "signed", "redacted", "erased"])
def data(request: pytest.FixtureRequest, whole: dict[str, bytes]) -> bytes:
    return whole[request.param]


def _wrong(data: bytes, key: bytes = b"") -> list[str]:
    return problems(data, checks=signature.checks, key=key)


def test_an_export_is_what_was_written(data: bytes) -> None:
    """Without the store: nothing is wrong, and the large text that is kept outside of the pages came along."""
    assert _wrong(data) == []
    if not read(data).header.redacted:
        assert any(len(body) > 65_536 for body in read(data).kept.contents.values())
        assert len(read(data).records()) == read(data).header.events


@given(
    which=st.sampled_from(["plain", "signed", "redacted", "erased"]),
    how=st.sampled_from(["flip", "drop", "add", "swap", "cut"]),
    near=st.sampled_from(["anywhere", "the beginning", "the end"]),
    at=st.integers(0, 2**20),
    other=st.integers(0, 2**20),
    value=st.integers(1, 255),
)
@settings(max_examples=500, deadline=None)
def test_any_byte_that_is_flipped_dropped_added_or_swapped_is_found(
    whole: dict[str, bytes], which: str, how: str, near: str, at: int, other: int, value: int
) -> None:
    """Wherever it is: in the first line, the pages, the digest or the signature."""
    data = whole[which]
    at %= {"anywhere": len(data)}.get(near, 400)
    at = len(data) - 1 - at if near == "the end" else at
    other %= len(data)
    changed = bytearray(data)
    if how == "flip":
        changed[at] ^= value
    elif how == "drop":
        del changed[at]
    elif how == "add":
        changed.insert(at, value)
    elif how == "swap":
        changed[at], changed[other] = changed[other], changed[at]
    else:
        del changed[at:]
    assert (_wrong(bytes(changed)) == []) == (bytes(changed) == data)


def _rewritten(found: Export, pages: list[Any], contents: dict[bytes, bytes]) -> bytes:
    """What somebody makes who changes an export and makes its digest anew, and cannot sign."""
    header = replace(found.header, signer="", pages=len(pages), events=sum(page.count for page in pages))
    rows = [(page.seq, page.count, page.hash, page.body, page.contents) for page in pages]
    return sealed(header, rows, contents)


@given(
    which=st.sampled_from(["plain", "signed", "redacted", "erased"]),
    how=st.sampled_from(["flip", "drop", "swap", "double", "blank", "content"]),
    at=st.integers(0, 2**20),
    other=st.integers(0, 2**20),
    value=st.integers(1, 255),
)
@settings(max_examples=400, deadline=None)
def test_any_event_that_is_changed_dropped_moved_or_doubled_is_found(
    whole: dict[str, bytes], which: str, how: str, at: int, other: int, value: int
) -> None:
    """Also by somebody who makes the digest of the file anew: the chain of the store tells."""
    found = read(whole[which])
    pages, contents = list(found.kept.pages), dict(found.kept.contents)
    at %= len(pages)
    other %= len(pages)
    if how == "flip" and (body := bytearray(pages[at].body)):
        body[other % len(body)] ^= value
        pages[at] = replace(pages[at], body=bytes(body))
    elif how == "drop":
        del pages[at]
    elif how == "swap":
        pages[at], pages[other] = pages[other], pages[at]
    elif how == "double":
        pages.insert(at, pages[at])
    elif how == "content" and contents:
        name = min(contents)
        contents[name] = contents[name][:-1] + b"?"
    else:  # taken out, without a word in the first line
        pages[at] = replace(pages[at], body=b"", contents=b"")
    same = (pages, contents) == (list(found.kept.pages), found.kept.contents)
    assert (_wrong(_rewritten(found, pages, contents)) == []) == same


def test_what_a_chain_cannot_tell_a_signature_does(whole: dict[str, bytes], key: signature.Key) -> None:
    """A whole new export, well-formed and by another or by nobody, is not the signed one."""
    other = signature.key_of(signature.made()[0], where="there")
    forged = read(whole["signed"])
    by_other = sealed(
        replace(forged.header, signer=other.public.hex()),
        [(page.seq, page.count, page.hash, page.body, page.contents) for page in forged.kept.pages],
        forged.kept.contents,
        other.sign,
    )
    assert [_wrong(by_other), len(_wrong(by_other, key.public)), len(_wrong(whole["plain"], key.public))] == [
        [],
        1,
        1,
    ]
    claimed = whole["plain"].replace(b'"signer":""', b'"signer":"' + key.public.hex().encode() + b'"')
    assert _wrong(claimed) != []
    assert _wrong(whole["signed"], key.public) == []


def test_what_was_taken_out_is_named_and_the_rest_is_checked(whole: dict[str, bytes]) -> None:
    """The first line says which events are missing; what is left cannot be read as if it were all."""
    found = read(whole["redacted"])
    [(first, last)] = found.header.redacted
    assert first <= 4 <= last
    with pytest.raises(Corrupt, match="parts of it were taken out"):
        found.records()


def test_the_report_says_who_why_where_with_what_and_how_it_ended(whole: dict[str, bytes]) -> None:
    """Every side effect: by the model or the play, with the approval that let it happen, as it was edited."""
    found = report("r", read(whole["plain"]).records())
    ada, bob, books = found.deeds
    assert [deed.arguments for deed in (ada, bob)] == [{"to": "ada", "usd": 200}, {"to": "bob", "usd": 5}]
    assert [deed.outcome for deed in found.deeds] == ["done"] * 3
    assert [deed.value for deed in found.deeds] == ["paid ada", "paid bob", "posted both"]
    assert [deed.actor for deed in found.deeds] == ["office/clerk", "office/clerk", "office"]
    assert [deed.version for deed in found.deeds] == [found.manifest[deed.actor] for deed in found.deeds]
    assert [found.by, found.models, found.status] == ["dan", {"default": 3}, "succeeded"]
    assert ada.approval is not None
    assert (ada.approval.by, ada.approval.answer) == ("eve", {"to": "ada", "usd": 200})
    assert bob.approval is books.approval is None
    assert ada.why is not None
    assert (ada.why.said, ada.why.arguments["usd"]) == ("Ada's bill is due.", 250)
    assert (books.why, ada.key) == (None, f"r:{ada.path}")


def test_the_report_says_what_the_policy_said_and_who_let_it_happen() -> None:
    """A refusal with its why, a question with its why and its answer; what waits is not told as if it were begun."""

    def policy(who: Any, action: str, resource: str, context: Any) -> Any:
        if action != "use":
            return "allow"
        if resource == "post":
            return Ruling("deny", "rule 3: nobody posts")
        return Ruling("ask", "rule 2: large sums") if context["arguments"]["usd"] > 100 else "allow"

    def pays(think: Any) -> Any:
        calls = [
            ToolCall("1", "spend", {"usd": 250}),
            ToolCall("2", "post", {"what": "x"}),
            ToolCall("3", "spend", {"usd": 5}),
        ]
        done = sum(bool(message.answers) for message in think.thread)
        return calls[done] if done < len(calls) else "done"

    @tool
    def spend(usd: float) -> str:
        """Spend some money."""
        return f"spent {usd}"

    async def scene() -> tuple[Any, Any]:
        store, payer = MemoryStore(), Agent("payer", tools=[spend, post], model=scripted(pays))
        waiting = await run(payer, "go", store=store, id="r", policy=policy, by=Principal("dan"))
        before = report("r", await store.read("r"))
        await resume(
            payer,
            "r",
            store=store,
            policy=policy,
            answers={path: Answer("approve", "eve") for path in waiting.waiting},
        )
        return before, report("r", await store.read("r"))

    before, after = asyncio.run(scene())
    assert [(deed.what, deed.outcome, deed.permission.state) for deed in before.deeds] == [
        ("spend", "waits", "open")
    ]
    asked, refused, allowed = after.deeds
    assert [deed.outcome for deed in after.deeds] == ["done", "refused", "done"]
    assert "rule 2: large sums" in asked.policy
    assert (asked.permission.by, asked.permission.answer) == ("eve", "approve")
    assert refused.policy.endswith("rule 3: nobody posts")
    assert (allowed.policy, allowed.permission, after.by) == ("", None, "dan")


def say(*args: str) -> Result:
    """What `coterie args` does, in this process."""
    return CliRunner().invoke(coterie, args)


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are made once and for their owner's eyes; an export is signed, checked where no store is, and read."""
    monkeypatch.chdir(tmp_path)

    async def write() -> None:
        await (await _written(tmp_path / "r.db")).close()

    asyncio.run(write())
    assert say("key", "make", "k").exit_code == 0
    assert stat.S_IMODE(Path("k").stat().st_mode) == 0o600
    assert [say("key", "make", "k").exit_code, say("key", "make", "nowhere/k").exit_code] == [2, 1]
    made = say("export", "r", "--store", "r.db", "--key", "k")
    assert (made.exit_code, made.stderr.split(",")[0]) == (0, "wrote r.coterie")
    Path("r.db").unlink()
    good = say("verify", "r.coterie", "--key", "k.pub")
    assert [good.exit_code, "is what was written, signed by" in good.stdout] == [0, True]
    told = say("report", "r.coterie")
    assert "approval r." in told.stdout
    assert "by eve" in told.stdout
    assert "3 side effects" in told.stdout
    assert [len(msgspec.json.decode(say("report", "r.coterie", "--json").stdout)["deeds"])] == [3]
    data = bytearray(Path("r.coterie").read_bytes())
    data[len(data) // 2] ^= 1
    Path("r.coterie").write_bytes(data)
    bad = say("verify", "r.coterie")
    assert [bad.exit_code, "is not what was written" in bad.stderr] == [1, True]
    assert say("report", "r.coterie").exit_code == 2
    assert say("export", "nobody", "--store", "r.db").exit_code == 2
    assert say("verify", "--key", "k.pub").exit_code == 2
