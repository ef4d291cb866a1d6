"""What can be shown of an answer of the embedded model before it is whole.

An agent with tools answers in one JSON object a step: a call, or what it says by itself. Both are
spaced as their grammar writes them, so that the beginning of one can be read.
"""

from __future__ import annotations

import json
import re

from coterie.models.constrain import NO_TOOL
from coterie.words.delta import Delta, Kind, Tell

_ANSWERING = f'{{"tool": "{NO_TOOL}", "answer": '
_CALLING = re.compile(r'\{"tool": ("(?:[^"\\]|\\.)*"), "arguments": ')


class Telling:
    """Tells what is new in an answer each time that more of it is there."""

    def __init__(self, tell: Tell, *, calling: bool) -> None:
        self._tell = tell
        self._calling = calling
        self._told = 0

    def take(self, raw: str) -> None:
        """Tell what `raw`, all there is by now, has beyond what was told."""
        kind, tool, text = shown(raw) if self._calling else ("text", "", raw)
        if len(text) > self._told:
            self._tell(Delta(text[self._told :], kind, 0, tool))
            self._told = len(text)


def shown(raw: str) -> tuple[Kind, str, str]:
    """What the beginning of a step shows: its kind, the tool it calls, and the text there is."""
    if raw.startswith(_ANSWERING):
        return "text", "", partial_answer(raw)
    call = _CALLING.match(raw)
    return ("call", json.loads(call[1]), _inner(raw[call.end() :])) if call else ("text", "", "")


def partial_answer(raw: str) -> str:
    """As much of an answer as there is in a step that is not whole."""
    rest = raw.removeprefix(_ANSWERING)
    if not rest.startswith('"'):
        return _inner(rest)
    for cut in range(min(len(rest), 12)):  # the longest escape, a pair of surrogates, has twelve letters
        try:
            text = str(json.JSONDecoder(strict=False).raw_decode(rest[: len(rest) - cut] + '"')[0])
        except json.JSONDecodeError:
            continue
        return text[:-1] if "\ud800" <= text[-1:] <= "\udbff" else text  # half a pair shows nothing
    return ""


def _inner(text: str) -> str:
    """A value without the brace that may close the object around it."""
    return text.removesuffix("}")
