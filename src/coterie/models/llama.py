"""One llama.cpp server per weights file, in this process, spoken to by function calls.

The server also listens on the loopback interface, because it always does; a random key keeps
everybody else out. We use that door ourselves only to count tokens.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Callable
from http.client import HTTPConnection
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from coterie.errors import MissingExtra, ModelFailed
from coterie.models.wheels import refused

MOST_THREADS = 8
"""Threads beyond these slow half a billion parameters down."""

PROMPT_CACHE_MB = 512
"""Memory for prompts of earlier calls, so that shared instructions are read once."""


class Said(Struct, frozen=True):
    """What the model said, what it took, and whether it came to an end by itself."""

    text: str
    finished: bool
    input_tokens: int
    output_tokens: int


class Server:
    """A loaded model; its methods block and may be called from many threads at once."""

    def __init__(self, weights: Path, slots: int, context: int) -> None:
        llama = _library()
        self._key = secrets.token_urlsafe(24)
        try:
            self._raw = llama.Server(_parameters(llama, weights, slots, context, self._key))
        except RuntimeError as error:
            raise refused(f"{weights.name} could not be loaded: {error}") from error

    def chat(
        self, request: dict[str, Any], stop: threading.Event, hear: Callable[[str], None] | None = None
    ) -> Said:
        """What the model says to a chat request, or as much of it as there is when `stop` is set.

        `hear` is called, in this thread, with all there is after each piece.

        Raises:
            ModelFailed: if the prompt is longer than the context, or the request makes no sense.
        """
        heard = _Ear(stop, hear)
        stream = {"stream": True, "stream_options": {"include_usage": True}, "return_progress": True}
        try:
            self._raw.handle_chat_completions({**request, **stream}, heard)
        except ValueError as error:
            raise refused(f"the model server refused the request: {error}") from error
        return heard.said()

    def count(self, text: str) -> int:
        """The number of tokens in `text`."""
        address = urlsplit(str(self._raw.listening_address))
        door = HTTPConnection(address.hostname or "", address.port, timeout=60)
        try:
            headers = {"Authorization": f"Bearer {self._key}"}
            door.request("POST", "/tokenize", json.dumps({"content": text}), headers)
            return len(json.load(door.getresponse())["tokens"])
        finally:
            door.close()


class _Ear:
    """Listens to the stream of an answer; returning true to the server means: stop."""

    def __init__(self, stop: threading.Event, hear: Callable[[str], None] | None) -> None:
        self._stop = stop
        self._hear = hear
        self._pieces: list[str] = []
        self._reason = ""
        self._usage: dict[str, int] = {}
        self._error: dict[str, Any] | None = None

    def __call__(self, chunk: dict[str, Any]) -> bool:
        self._error = chunk.get("error", self._error)
        self._usage = chunk.get("usage") or self._usage
        for choice in chunk.get("choices", ()):
            self._pieces.append(choice["delta"].get("content") or "")
            self._reason = choice["finish_reason"] or self._reason
        if self._hear is not None and not self._stop.is_set():
            self._hear("".join(self._pieces))
        return self._stop.is_set()

    def said(self) -> Said:
        if self._error is not None:
            raise _failure(self._error)
        return Said(
            text="".join(self._pieces),
            finished=self._reason == "stop",
            input_tokens=self._usage.get("prompt_tokens", 0),
            output_tokens=self._usage.get("completion_tokens", 0),
        )


_servers: dict[tuple[Path, int, int], Server] = {}
_opening = threading.Lock()


def open_server(weights: Path, slots: int, context: int) -> Server:
    """The server of `weights` with that many slots of `context` tokens each; the same one every time.

    Raises:
        ModelFailed: if the weights cannot be loaded.
        MissingExtra: if `coterie[local]` is not installed.
    """
    wanted = (weights, slots, context)
    with _opening:
        if wanted not in _servers:
            _servers[wanted] = Server(*wanted)
        return _servers[wanted]


def _library() -> Any:
    """The binding, with worker threads that sleep while they wait for each other.

    OpenMP reads its policy when it is loaded. By default its threads spin, which beside any other
    busy process makes generation ten times slower; sleeping costs next to nothing.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        return import_module("xllamacpp")
    except ImportError as error:
        raise MissingExtra.of("local", "the embedded model") from error


def _parameters(llama: Any, weights: Path, slots: int, context: int, key: str) -> Any:
    parameters = llama.CommonParams()
    parameters.model.path = str(weights)
    parameters.n_parallel = slots
    parameters.n_ctx = slots * context
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = _threads()
    parameters.cache_ram_mib = PROMPT_CACHE_MB
    parameters.api_keys = [key]
    parameters.verbosity = -1
    parameters.enable_reasoning = 0
    for off in ("prefill_assistant", "endpoint_slots", "ui", "fit_params", "warmup"):
        setattr(parameters, off, False)
    return parameters


def _threads() -> int:
    """One thread a core that we may use."""
    ours = getattr(os, "sched_getaffinity", None)
    cores = len(ours(0)) if ours else os.cpu_count() or 1
    return min(cores, MOST_THREADS)


def _failure(error: dict[str, Any]) -> ModelFailed:
    if error.get("type") == "exceed_context_size_error":
        return refused(
            f"the prompt has {error['n_prompt_tokens']} tokens and the context {error['n_ctx']}: "
            "shorten the thread or compact it"
        )
    return ModelFailed(f"the model server failed: {error.get('message', error)}")
