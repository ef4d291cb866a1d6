"""Hosted models, and local servers that speak as OpenAI's do: 29 providers through one adapter.

What speaks to them is pydantic-ai's model layer, loaded when the first of them is used. Connections
belong to the event loop that opened them, so each loop has its own, and they are closed with it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from coterie.errors import BadInput, CoterieError, MissingExtra, NoAccess
from coterie.models.gate import gate_of, gated
from coterie.models.providers import PROVIDERS, Provider
from coterie.models.retried import TRIES, Retried, retried
from coterie.words.delta import Tell
from coterie.words.effect import Think
from coterie.words.message import Message

TIMEOUT = 600.0
"""Seconds that one request may take, unless the brief's `timeout` says otherwise."""
SILENCE = 120.0
"""Seconds that a stream may be silent."""
NO_KEY = "no-key"
"""What is sent as the key to a server that asks for none."""
_HERE = ("localhost", "127.0.0.1", "::1")


class Hosted:
    """A model at a provider; an async function from a `Think` to a message.

    `base_url` is the address of any server with the provider's interface, `key` is used instead
    of the one in the environment. `output_mode` (`native`, `tool`, `prompted`) says how typed answers are
    asked for, where the brief's settings don't; by default it is what suits the model best.
    """

    def __init__(self, name: str, base_url: str = "", *, key: str = "", output_mode: str = "") -> None:
        provider, _, model = name.partition(":")
        if provider not in PROVIDERS or not model:
            raise BadInput(f"{name!r} is no PROVIDER:MODEL; providers are {', '.join(PROVIDERS)}")
        self.name = name
        self.base_url = base_url
        self._provider = provider
        self._model = model
        self._key = key
        self._output_mode = output_mode
        # A server of one's own costs nothing, whatever model of that name costs elsewhere.
        self._free = bool(PROVIDERS[provider].local) or urlsplit(base_url).hostname in _HERE
        self._lock = threading.Lock()
        self._lines: WeakKeyDictionary[asyncio.AbstractEventLoop, _Line] = WeakKeyDictionary()

    async def __call__(self, think: Think, /) -> Message:
        """The next message of the thread, by `think.actor`.

        Raises:
            NoAccess: if there is no key, or it is not good for this.
            RateLimited: if the provider asks to wait; `retry_after` says how long, where it says so.
            ModelUnavailable: if it is not reached, breaks down, or takes too long.
            ModelRefused: if it will not answer this request as it is.
            BadInput: if a setting or an address makes no sense.
            MissingExtra: if what the provider needs is not installed.
        """
        return await self._ask(think, None)

    async def stream(self, think: Think, tell: Tell, /) -> Message:
        """The same, told piece by piece."""
        return await self._ask(think, tell)

    async def _ask(self, think: Think, tell: Tell | None) -> Message:
        try:
            from coterie.models import dialect, faults, replies
        except ImportError as error:
            raise MissingExtra.of("models", f"the model {self.name!r}") from error
        try:
            model = await self._line()
            mode = self._output_mode or dialect.mode_of(model)
            ask = dialect.asking(think, mode, request_timeout=TIMEOUT, max_retries=0)
            if tell is None:
                response = await replies.request(model, ask)
            else:
                response = await replies.stream(model, ask, tell, SILENCE)
        except CoterieError:
            raise
        except Exception as error:  # whatever an SDK throws is the provider's failure
            raise faults.failure(error, self.name) from error
        return replies.message_of(think, ask, response, free=self._free)

    async def _line(self) -> Any:
        """The client of this event loop; the loop closes it, as it does every generator that is left open."""
        loop = asyncio.get_running_loop()
        with self._lock:
            line = self._lines.get(loop)
            if line is None:
                model = self._made()
                line = self._lines[loop] = _Line(model, self._held(model, loop))
        if not line.open:
            line.open = True
            await anext(line.held)
        return line.model

    async def _held(self, model: Any, loop: asyncio.AbstractEventLoop) -> AsyncGenerator[None]:
        try:
            async with model:
                yield
        finally:
            with self._lock:
                self._lines.pop(loop, None)

    def ready(self) -> tuple[str, str]:
        """The key and the address to use.

        Raises:
            MissingExtra: if what the provider needs is not installed.
            NoAccess: if there is no key.
        """
        known = PROVIDERS[self._provider]
        if not known.installed:
            raise missing(self._provider, known, self.name)
        base_url = self.base_url or known.where
        key = self._key or known.key or (NO_KEY if base_url else "")
        if not key:
            raise NoAccess(no_key(known, self.name))
        return key, base_url

    def _made(self) -> Any:
        from coterie.models import dialect

        return dialect.model(self._provider, self._model, *self.ready())


class _Line:
    """A client of one event loop, and the generator that holds it open."""

    __slots__ = ("held", "model", "open")

    def __init__(self, model: Any, held: AsyncGenerator[None]) -> None:
        self.model = model
        self.held = held
        self.open = False


def missing(provider: str, known: Provider, name: str) -> MissingExtra:
    """What to do about an SDK that is not installed."""
    if known.in_extra:
        return MissingExtra.of("models", f"the model {name!r}")
    return MissingExtra(f"the model {name!r} needs {known.sdk}: pip install 'pydantic-ai-slim[{provider}]'")


def no_key(provider: Provider, name: str) -> str:
    """What to do about a missing key, on one line."""
    return f"model {name!r} needs a key: set {' or '.join(provider.keys)}, or pass hosted({name!r}, key=...)"


def hosted(
    name: str,
    *,
    base_url: str = "",
    key: str = "",
    output_mode: str = "",
    rate: float | None = None,
    tokens: float | None = None,
    at_once: int = 0,
    tries: int = TRIES,
) -> Retried:
    """The model `PROVIDER:MODEL`, or `PROVIDER:MODEL@URL`, behind the gate of its provider, with retries.

    The gate is one for all models of a provider, an address and a key in this process: at most `at_once`
    requests under way (16), and `rate` requests and `tokens` tokens a minute, as first said for it. Without
    a rate it learns from the provider's "too many". A retryable failure is tried again, up to `tries` requests.

    Raises:
        BadInput: if the name is not of that form, or there is no such provider.
    """
    plain, url = parted(name)
    base_url = base_url or url
    model = Hosted(plain, base_url=base_url, key=key, output_mode=output_mode)
    whose = (plain.partition(":")[0], base_url, key)
    return retried(gated(model, gate_of(*whose, rate=rate, tokens=tokens, at_once=at_once)), tries=tries)


def parted(name: str) -> tuple[str, str]:
    """A name without the address that may stand behind its last `@`, and the address."""
    plain, at, url = name.rpartition("@")
    return (plain, url) if at and url.startswith(("http://", "https://")) else (name, "")
