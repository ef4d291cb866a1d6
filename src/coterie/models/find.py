"""From a model's name to a model."""

from __future__ import annotations

from coterie.errors import BadInput, MissingExtra
from coterie.ports import Model

HOSTED = ("openai", "anthropic", "google", "mistral", "groq", "ollama", "openrouter", "bedrock")


def find(name: str) -> Model:
    """The model that `name` picks: `embedded`, `embedded:small`, `embedded:/models/x.gguf`, ...

    Raises:
        BadInput: if no provider has that name.
        MissingExtra: if the provider is in a part of Coterie that is not installed.
    """
    provider, _, which = name.partition(":")
    if provider == "embedded":
        from coterie.models.embedded import embedded

        return embedded(which)
    if provider in HOSTED:
        raise MissingExtra.of("models", f"the model {name!r}")
    raise BadInput(
        f"no model is called {name!r}; there are 'embedded', 'embedded:small', 'embedded:large' and "
        "'embedded:FILE.gguf', and a model of your own is any async function"
    )
