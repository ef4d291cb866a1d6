"""The adapter of hosted models, through the real SDKs, against a provider on this machine."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from coterie import Agent, File, Message, Task, run_sync, tool
from coterie.errors import (
    BadInput,
    CoterieError,
    MissingExtra,
    ModelRefused,
    ModelUnavailable,
    NoAccess,
    RateLimited,
)
from coterie.models import find, hosted, prices
from coterie.models.gate import gate_of
from coterie.models.hosted import Hosted, parted
from coterie.models.providers import PROVIDERS
from coterie.testing.models import WEATHER, ModelPromises, asking
from coterie.typed import schema_of
from coterie.words.brief import Brief
from coterie.words.delta import Delta
from coterie.words.effect import Think
from coterie.words.message import Thought, ToolCall
from coterie.words.thread import Thread
from coterie.words.usage import Usage
from tests.models.server import CannedServer, Reply, Sent, canned, sensible

pytest.importorskip("pydantic_ai")
__all__ = ["canned"]
Start = Callable[..., CannedServer]
DIALECTS = ["chat", "responses", "anthropic"]


def speaking(
    dialect: str, server: CannedServer, monkeypatch: pytest.MonkeyPatch, thinker: str = "", **more: Any
) -> Hosted:
    """A model at the server, in one of its dialects."""
    if dialect == "responses":
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        return Hosted(f"openai:{thinker or 'gpt-4o-mini'}", key="k", **more)
    if dialect == "anthropic":
        return Hosted("anthropic:claude-haiku-4-5", base_url=server.root, key="k", **more)
    return Hosted("openai:gpt-4o-mini", base_url=server.url, **more)


def answer(model: Any, think: Think) -> Message:
    return asyncio.run(model(think))


def told(model: Any, think: Think) -> tuple[Message, list[Delta]]:
    pieces: list[Delta] = []
    return asyncio.run(model.stream(think, pieces.append)), pieces


class TestPromises(ModelPromises):
    """Hosted models keep what every model promises, in each dialect, plain and wrapped."""

    seconds = 20.0

    @pytest.fixture(params=[*DIALECTS, "wrapped"])
    def model(self, request: Any, canned: Start, monkeypatch: pytest.MonkeyPatch) -> Any:
        server = canned(sensible)
        if request.param == "wrapped":
            return hosted(f"openai:gpt-4o-mini@{server.url}")
        return speaking(request.param, server, monkeypatch)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stream_comes_to_the_same_message(
    dialect: str, canned: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Text, thoughts and calls are told piece by piece, and the message is that of a plain call."""
    server = canned(Reply("It is raining.", (("weather", {"city": "Oslo"}),), "Let me see."))
    model = speaking(dialect, server, monkeypatch)
    think = asking("Rain?", tools=(WEATHER,))
    plain = answer(model, think)
    message, pieces = told(model, think)
    assert message == plain
    assert plain.text == "It is raining."
    assert [(call.name, call.arguments) for call in plain.calls] == [("weather", {"city": "Oslo"})]
    assert [one.text for one in plain.thoughts] == ["Let me see."]
    said = {kind: "".join(p.text for p in pieces if p.kind == kind) for kind in ("text", "thinking", "call")}
    assert said == {"text": "It is raining.", "thinking": "Let me see.", "call": '{"city": "Oslo"}'}
    assert len(pieces) > 6


@pytest.mark.parametrize("dialect", DIALECTS)
def test_usage_has_cached_tokens_and_a_price(
    dialect: str, canned: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens in, out and cached are counted, plain or streamed, and priced where a price is known."""
    server = canned(Reply("Hi.", tokens=(1000, 500, 200)))
    monkeypatch.setenv("ANTHROPIC_BASE_URL", server.root)
    model = speaking(dialect, server, monkeypatch)
    if dialect == "anthropic":
        model = Hosted("anthropic:claude-haiku-4-5", key="k")
    usage = answer(model, asking("Hello")).usage
    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.requests) == (
        1000,
        500,
        200,
        1,
    )
    assert told(model, asking("Hello"))[0].usage == usage
    assert (usage.usd > 0) == (dialect != "chat")  # a server of one's own costs nothing


@pytest.mark.parametrize("dialect", DIALECTS)
def test_calls_and_answers_go_back_in_the_dialect(
    dialect: str, canned: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent's second request has its call and the tool's answer, paired by id."""

    @tool(idempotent=True)
    async def weather(city: str) -> str:
        """The weather."""
        return f"rain in {city}"

    server = canned(Reply(calls=(("weather", {"city": "Oslo"}),), thinking="Hm."), Reply("Take a coat."))
    agent = Agent("a", "Be brief.", tools=[weather])
    result = run_sync(agent, "Coat?", model=speaking(dialect, server, monkeypatch, "gpt-5-mini"))
    assert (result.text, result.usage.requests) == ("Take a coat.", 2)
    sent = json.dumps(server.sent[1])
    assert "rain in Oslo" in sent
    assert "Be brief." in sent
    id = {"chat": "call_0", "responses": "call_0", "anthropic": "toolu_0"}[dialect]
    assert sent.count(f'"{id}"') == 2
    assert ("signed" in sent or "sealed" in sent) == (
        dialect != "chat"
    )  # thoughts go back where they are known


@pytest.mark.parametrize("dialect", DIALECTS)
def test_pictures_go_in(dialect: str, canned: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message's files are in the request: bytes as base64, an address as it is."""
    server = canned(Reply("A cat."))
    files = (
        File(media="image/png", data=b"\x89PNG-bytes", name="cat"),
        File(media="image/jpeg", url="https://example.com/dog.jpg"),
    )
    question = Message(sender="user", text="What is it?", files=files)
    result = run_sync(Agent("a"), question, model=speaking(dialect, server, monkeypatch))
    sent = json.dumps(server.sent[0])
    assert result.text == "A cat."
    assert "iVBORy1ieXRlcw" in sent
    assert "https://example.com/dog.jpg" in sent
    assert "What is it?" in sent


def test_settings_go_through(canned: Start) -> None:
    """Sampling settings reach the provider under its own names."""
    server = canned(Reply("Hi."))
    brief = Brief(settings={"temperature": 0.5, "max_tokens": 9, "stop": ["END"], "seed": 7, "top_p": 0.9})
    thread = Thread((Message(sender="user", text="Hello"),))
    answer(Hosted("openai:gpt-4o-mini", base_url=server.url), Think("a", "m", brief, thread))
    sent = server.sent[0]
    names = ("temperature", "max_completion_tokens", "stop", "seed", "top_p")
    assert [sent[name] for name in names] == [0.5, 9, ["END"], 7, 0.9]


FAILURES: list[tuple[str, Reply, type[CoterieError], bool, float]] = [
    ("429 with a header", Reply(status=429, headers={"Retry-After": "3"}), RateLimited, True, 3.0),
    ("429 without", Reply(status=429), RateLimited, True, 0.0),
    ("500", Reply(status=500), ModelUnavailable, True, 0.0),
    ("529", Reply(status=529), ModelUnavailable, True, 0.0),
    ("400", Reply(status=400), ModelRefused, False, 0.0),
    ("404", Reply(status=404), ModelRefused, False, 0.0),
    ("401", Reply(status=401), NoAccess, False, 0.0),
    ("403", Reply(status=403), NoAccess, False, 0.0),
    ("no JSON", Reply(body=b"<html>Bad gateway</html>"), ModelUnavailable, True, 0.0),
    ("other JSON", Reply(body=b'{"surprise": [1, 2]}'), ModelUnavailable, True, 0.0),
    ("truncated", Reply("Hello there, friend.", cut=20), ModelUnavailable, True, 0.0),
]


@pytest.mark.parametrize("streams", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("reply", "kind", "retryable", "after"), [f[1:] for f in FAILURES], ids=[f[0] for f in FAILURES]
)
def test_failures_say_whose_fault_it_was(
    reply: Reply,
    kind: type[CoterieError],
    retryable: bool,
    after: float,
    dialect: str,
    streams: bool,
    canned: Start,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each way of failing has its error, says whether to try again, and makes one request only."""
    server = canned(reply)
    model = speaking(dialect, server, monkeypatch)
    with pytest.raises(kind) as caught:
        _ = told(model, asking("Hi")) if streams else answer(model, asking("Hi"))
    assert (type(caught.value), caught.value.retryable, caught.value.retry_after) == (kind, retryable, after)
    assert len(server.sent) == 1
    assert model.name in str(caught.value)


@pytest.mark.parametrize("streams", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_hanging_server_is_left(
    streams: bool, dialect: str, canned: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request has a deadline of its own, `timeout` in the brief's settings."""
    model = speaking(dialect, canned(Reply(hangs=True)), monkeypatch)
    thread = Thread((Message(sender="user", text="Hi"),))
    think = Think("a", "m", Brief(settings={"timeout": 0.2}), thread)
    with pytest.raises(ModelUnavailable):
        _ = told(model, think) if streams else answer(model, think)


def test_a_slow_server_is_waited_for(canned: Start) -> None:
    """What takes a while is no failure."""
    model = Hosted("openai:gpt-4o-mini", base_url=canned(Reply("At last.", delay=0.2)).url)
    assert answer(model, asking("Hi")).text == "At last."


def test_nobody_listening_is_unavailable() -> None:
    """A refused connection is the provider's failure, and may be tried again."""
    with pytest.raises(ModelUnavailable, match="openai:gpt-4o-mini"):
        answer(Hosted("openai:gpt-4o-mini", base_url="http://127.0.0.1:9/v1"), asking("Hi"))


def test_max_tokens_spent_on_thinking_is_refused(canned: Start) -> None:
    """Without a word or a call because of `max_tokens` is no answer, and asking again would not help."""
    model = Hosted("openai:gpt-4o-mini", base_url=canned(Reply(thinking="Hmm", finish="length")).url)
    with pytest.raises(ModelRefused, match="max_tokens") as caught:
        answer(model, asking("Hi"))
    assert caught.value.usage.output_tokens == 7


def test_broken_arguments_go_back_to_the_model(canned: Start) -> None:
    """Arguments that are no JSON reach no tool; the model is told, and mends its call."""
    used: list[str] = []

    @tool(idempotent=True)
    async def weather(city: str = "nowhere") -> str:
        """The weather."""
        used.append(city)
        return "rain"

    broken, whole = (("weather", '{"city": "Os'),), (("weather", {"city": "Oslo"}),)
    server = canned(Reply(calls=broken), Reply(calls=whole), Reply("Rain."))
    model = Hosted("openai:gpt-4o-mini", base_url=server.url)
    assert run_sync(Agent("a", tools=[weather]), "Rain?", model=model).text == "Rain."
    assert used == ["Oslo"]
    assert "bad arguments" in json.dumps(server.sent[1])


class Card(Struct):
    title: str


def _modes(sent: Sent) -> str:
    """How a typed answer is asked for in a request."""
    if any("final_answer" in json.dumps(one) for one in sent.get("tools") or ()):
        return "tool"
    if sent.get("response_format") or (sent.get("text") or {}).get("format") or sent.get("output_config"):
        return "native"
    return "prompted" if "JSON" in json.dumps(sent) else "none"


@pytest.mark.parametrize("kind", [Card, list[str], int], ids=["struct", "list", "int"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_typed_answer_may_be_of_any_type(
    kind: Any, dialect: str, canned: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Providers want an object; what is none travels in a field of one, and comes out of it."""
    model = speaking(dialect, canned(sensible), monkeypatch)
    expected = {Card: Card("Oslo"), int: 3}.get(kind, ["Oslo"])
    assert run_sync(Agent("a", output=kind), "Give me one.", model=model).output == expected


def test_the_mode_is_that_of_the_brief_then_of_the_model(canned: Start) -> None:
    """`output_mode` in the settings wins over that of the model; an unknown one is refused."""
    server = canned(sensible)
    model = Hosted("openai:gpt-4o-mini", base_url=server.url, output_mode="native")
    for mode in ("tool", "native"):
        settings = {"output_mode": mode} if mode == "tool" else {}
        agent = Agent("a", output=Card, settings=settings)
        assert run_sync(agent, "Go.", model=model).output == Card("Oslo")
        assert _modes(server.sent[-1]) == mode
    with pytest.raises(BadInput, match="output_mode"):
        answer(model, asking("Hi", output=schema_of(Card)) if False else _with_mode("yaml"))


def _with_mode(mode: str) -> Think:
    brief = Brief(output=schema_of(Card), settings={"output_mode": mode})
    return Think("a", "m", brief, Thread((Message(sender="user", text="Hi"),)))


def test_a_missing_key_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key nothing is asked, and the message says which variable to set."""
    for provider in ("openai", "anthropic"):
        for name in PROVIDERS[provider].keys:
            monkeypatch.delenv(name, raising=False)
        result = run_sync(Agent("a"), "Hi", model=f"{provider}:some-model")
        assert result.failure is not None
        assert (result.failure.kind, result.failure.retryable) == ("NoAccess", False)
        assert f"set {PROVIDERS[provider].keys[0]}, or pass hosted(" in result.failure.message
        assert "\n" not in result.failure.message


def test_a_failure_says_what_happened_and_what_to_do(canned: Start) -> None:
    """The provider's own words, with the status, and the next step; its whole body is the raw text."""
    denied, down = (Hosted("openai:m", canned(Reply(status=status)).url) for status in (401, 503))
    with pytest.raises(NoAccess) as no:
        answer(denied, asking("Hi"))
    expected = "model 'openai:m': 401, canned 401; check OPENAI_API_KEY, and what that account may use"
    assert str(no.value) == no.value.message == expected
    assert "canned_error" in no.value.raw
    with pytest.raises(ModelUnavailable, match="503, canned 503; try again later"):
        answer(down, asking("Hi"))


def test_a_key_is_sent_and_never_shown(canned: Start) -> None:
    """The key goes to the provider, and is in no error and no repr."""
    server = canned(Reply(status=401))
    model = hosted("openai:gpt-4o-mini", base_url=server.url, key="sk-secret-123")
    with pytest.raises(NoAccess) as caught:
        answer(model, asking("Hi"))
    assert server.headers[0]["authorization"] == "Bearer sk-secret-123"
    assert "sk-secret" not in f"{caught.value} {caught.value.raw} {model!r} {model.model!r}"


def test_names_that_are_not_there_say_what_is() -> None:
    """An unknown name lists what there is, with the nearest; so does a provider without a model."""
    with pytest.raises(BadInput, match=r"did you mean 'openai:gpt-5'\?.*anthropic"):
        find("opnai:gpt-5")
    with pytest.raises(BadInput, match="write openai:MODEL"):
        find("openai")
    with pytest.raises(BadInput, match="embedded:small"):
        find("xyzzy")


def test_a_name_gives_the_same_model_and_an_address_may_stand_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of one process share the model of a name; `@URL` is the address, other `@` are not."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert find("openai:gpt-5") is find("openai:gpt-5")
    assert parted("openai:m@http://127.0.0.1:1/v1") == ("openai:m", "http://127.0.0.1:1/v1")
    assert parted("google:m@2026") == ("google:m@2026", "")


def test_what_is_not_installed_is_said() -> None:
    """A provider whose SDK is not there names the package to install."""
    absent = next(name for name, one in PROVIDERS.items() if not one.installed)
    with pytest.raises(MissingExtra, match="pip install"):
        answer(Hosted(f"{absent}:m", key="k"), asking("Hi"))


def test_the_table_of_providers_is_true() -> None:
    """pydantic-ai knows every provider of the table, and looks for the same keys."""
    import pydantic_ai.providers

    folder = Path(pydantic_ai.providers.__file__).parent
    for name, one in PROVIDERS.items():
        source = (folder / f"{name.removesuffix('-chat').replace('-', '_')}.py").read_text()
        assert [key for key in (*one.keys, one.address) if key and f"'{key}'" not in source] == _BY_SDK.get(
            name, []
        )
        if one.installed:
            assert pydantic_ai.providers.infer_provider_class(name)


_BY_SDK = {"anthropic": ["ANTHROPIC_BASE_URL"]}
"""Variables that the SDK itself looks for."""


def test_prices_are_looked_up_for_limits() -> None:
    """Hosted models have a price in and out, servers of one's own none; what is unknown is said."""
    found = prices("openai:gpt-5-mini", "openai-chat:gpt-5-mini", "ollama:llama3.2")
    assert 0 < found["openai:gpt-5-mini"][0] < found["openai:gpt-5-mini"][1]
    assert found["openai-chat:gpt-5-mini"] == found["openai:gpt-5-mini"]
    assert found["ollama:llama3.2"] == (0.0, 0.0)
    with pytest.raises(BadInput, match="no price is known of 'openai:xyzzy'"):
        prices("openai:xyzzy")


def test_one_model_serves_many_loops_at_once(canned: Start) -> None:
    """Threads with loops of their own share a model, and leave no connection behind."""
    model = hosted("openai:gpt-4o-mini", base_url=canned(Reply("Hi.")).url)
    said: list[str] = []

    def many() -> None:
        async def scene() -> list[Message]:
            return await asyncio.gather(*(model(asking("Hello")) for _ in range(5)))

        said.extend(message.text for _ in range(3) for message in asyncio.run(scene()))

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert said == ["Hi."] * 60


def test_a_gate_belongs_to_a_provider_and_a_key() -> None:
    """Models of one provider, address and key share a gate; another key has its own."""
    one, same = hosted("openai:a@http://127.0.0.1:1/v1"), hosted("openai:b@http://127.0.0.1:1/v1")
    other = hosted("openai:a@http://127.0.0.1:1/v1", key="k")
    assert one.model.gate is same.model.gate
    assert one.model.gate is not other.model.gate
    assert gate_of("openai", "http://127.0.0.1:1/v1", "") is one.model.gate


def test_nothing_is_imported_until_it_is_used() -> None:
    """Importing Coterie, its models, or finding a hosted one by name loads no SDK."""
    program = (
        "import sys, coterie, coterie.models; coterie.models.find('openai:gpt-5');"
        "print(sorted({'pydantic_ai', 'pydantic', 'openai', 'anthropic', 'httpx', 'httpx2'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OPENAI_API_KEY": "k"},
    )
    assert done.stdout.strip() == "[]"


def test_a_thought_of_another_provider_stays_here(canned: Start) -> None:
    """What one provider signed is not shown to another."""
    server = canned(Reply("Hi."))
    own = Message(
        sender="tester", text="Before.", thoughts=(Thought(text="secret", proof="p", provider="x"),)
    )
    thread = Thread((Message(sender="user", text="Hi"), own, Message(sender="user", text="And?")))
    model = Hosted("anthropic:claude-haiku-4-5", base_url=server.root, key="k")
    answer(model, Think("tester", "m", Brief(), thread))
    assert '"signature"' not in json.dumps(server.sent[0])


def test_a_conversation_survives_a_change_of_provider(canned: Start) -> None:
    """Calls of one dialect, with ids of its own, are well-formed in the next."""
    call = ToolCall("weird id!", "weather", {"city": "Oslo"})
    thread = Thread(
        (
            Message(sender="user", text="Rain?"),
            Message(sender="tester", calls=(call,)),
            Message(sender="weather", text="yes", answers="weird id!"),
            Message(sender="tester", calls=(call,)),
        )
    )
    server = canned(Reply("Yes."))
    think = Think("tester", "m", Brief(tools=(WEATHER,)), thread)
    answer(Hosted("anthropic:claude-haiku-4-5", base_url=server.root, key="k"), think)
    blocks = [block for message in server.sent[0]["messages"] for block in message["content"]]
    uses = [block["id"] for block in blocks if block["type"] == "tool_use"]
    results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
    assert uses == results
    assert len(set(uses)) == 2


def test_usage_adds_up_over_retries(canned: Start) -> None:
    """A failed request before a good one is counted in the answer's usage."""
    server = canned(Reply(status=500), Reply("Hi."))
    model = hosted("openai:gpt-4o-mini", base_url=server.url)
    model._delay = 0.0
    assert answer(model, asking("Hi")).usage == Usage(11, 7, 2)


def test_a_task_takes_files_along() -> None:
    """A message with files as the task of an agent is its context, and its text what is asked."""
    from coterie.words.task import task_of

    file = File(media="image/png", data=b"x")
    task = task_of(Message(sender="user", text="What?", files=(file,)))
    assert isinstance(task, Task)
    assert task.context is not None
    assert (task.text, task.context[0].files) == ("What?", (file,))
