"""What hosted models cost, from the price list that comes with `coterie[models]`; nothing is fetched."""

from __future__ import annotations

from coterie.errors import BadInput, MissingExtra
from coterie.models.providers import PROVIDERS


def prices(*names: str) -> dict[str, tuple[float, float]]:
    """US dollars for a million tokens in and out, by name: what `Limits(prices=...)` reserves by.

    Where a price depends on the length of a prompt, it is that of the longest.

    Raises:
        BadInput: if the list has no price for a name.
        MissingExtra: if `coterie[models]` is not installed.
    """
    return {name: _price(name) for name in names}


def _price(name: str) -> tuple[float, float]:
    try:
        from genai_prices import Usage, calc_price
    except ImportError as error:
        raise MissingExtra.of("models", "a price list") from error
    provider, _, model = name.partition(":")
    if provider in PROVIDERS and PROVIDERS[provider].local:
        return 0.0, 0.0
    provider = provider.removesuffix("-chat")
    million = 1_000_000
    try:
        into = calc_price(Usage(input_tokens=million), model, provider_id=provider)
        out = calc_price(Usage(output_tokens=million), model, provider_id=provider)
    except LookupError as error:
        raise BadInput(f"no price is known of {name!r}: give Limits(prices=...) one of your own") from error
    return float(into.total_price), float(out.total_price)
