"""From a model's name to a model."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache

from coterie.errors import BadInput
from coterie.models.providers import PROVIDERS
from coterie.ports import Model

EMBEDDED = ("embedded", "embedded:small", "embedded:large")
"""The names of the model that runs in this process, beside `embedded:FILE.gguf`."""


def find(name: str) -> Model:
    """The model that `name` picks: `embedded`, `openai:gpt-5-mini`, `ollama:llama3.2`, `openai:m@http://...`.

    The same name gives the same model, so all runs of a process share what is behind it.

    Raises:
        BadInput: if no provider has that name; the message says which there are, and the nearest.
        MissingExtra: if what it needs is not installed.
        NoAccess: if it needs a key and there is none.
    """
    provider, _, which = name.partition(":")
    if provider == "embedded":
        from coterie.models.embedded import embedded

        return embedded(which)
    if provider in PROVIDERS and which:
        return _hosted(name)
    raise BadInput(unknown(name))


@cache
def _hosted(name: str) -> Model:
    from coterie.models.hosted import Hosted, hosted, parted

    Hosted(*parted(name)).ready()  # said at the door, not when a run is half-way
    return hosted(name)


def unknown(name: str) -> str:
    """What there is, where `name` is not; and what is nearest to it."""
    provider, _, which = name.partition(":")
    if provider in PROVIDERS:
        return f"{name!r} names a provider and no model: write {provider}:MODEL"
    near = get_close_matches(provider.lower(), [*EMBEDDED, *PROVIDERS], n=1)
    hint = (
        f"; did you mean {near[0] + (':' + which if which and near[0] in PROVIDERS else '')!r}?"
        if near
        else ""
    )
    return (
        f"no model is called {name!r}{hint} There are {', '.join(EMBEDDED)}, embedded:FILE.gguf and PROVIDER:MODEL for "
        f"{', '.join(PROVIDERS)}; add @URL for a server of your own. A model of yours is any async function"
    )
