"""Forms made of what there is to tell, and what their fields mean once they are filled in."""

from __future__ import annotations

import math
from typing import Any

from coterie.doors.http.library import Offer
from coterie.doors.http.problems import Problem
from coterie.doors.page.addresses import to_team
from coterie.doors.page.elements import Html, el
from coterie.doors.page.layout import labelled
from coterie.teams.option import Option
from coterie.words.limits import DEFAULT

CAPS = (("usd", "US dollars"), ("tokens", "Tokens"), ("requests", "Model calls"), ("seconds", "Seconds"))
"""Limits that the form of a team offers."""


def start_form(offer: Offer) -> Html:
    """The form that starts a team: its task, what it can be told, and its limits."""
    needed = [_field(one) for one in offer.options if one.required]
    optional = [_field(one) for one in offer.options if not one.required]
    return el(
        "form",
        labelled("Task", el("textarea", name="task", rows=4, required=True)),
        *needed,
        el(
            "details",
            el("summary", "Options, model and limits"),
            el(
                "div",
                *optional,
                labelled("Model", el("input", name="model", placeholder="the service's own")),
                el("fieldset", el("legend", "Limits"), *(_cap(name, said) for name, said in CAPS)),
                class_="stack",
            ),
        ),
        el("button", "Start"),
        method="post",
        action=f"{to_team(offer.name)}/start",
        class_="fields",
    )


def _cap(name: str, said: str) -> Html:
    cap = getattr(DEFAULT, name)
    field = el("input", type="number", name=f"limit.{name}", min=0, step="any", placeholder=cap or "no limit")
    return labelled(said, field)


def _field(option: Option) -> Html:
    """The field of one option, by its kind."""
    name, called = f"option.{option.name}", option.name.replace("_", " ").capitalize()
    default = "" if option.default is None else option.default
    if option.kind == "flag":
        box = el("input", type="checkbox", name=name, value="yes", checked=bool(option.default))
        return el("label", box, el("span", called), el("small", option.help), class_="check")
    kind = "number" if option.kind == "number" else "text"
    step = "any" if option.kind == "number" else None
    field = el("input", type=kind, step=step, name=name, value=default, required=option.required)
    return labelled(called, field, help=option.help)


def options_of(offer: Offer, fields: dict[str, str]) -> dict[str, Any]:
    """What a team is told, of the fields of its form; what is left empty is not said.

    Raises:
        Problem: 422, if a number is none.
    """
    told: dict[str, Any] = {}
    for option in offer.options:
        given = fields.get(f"option.{option.name}")
        if option.kind == "flag":
            told[option.name] = given is not None
        elif given:
            told[option.name] = _number(option.name, given) if option.kind == "number" else given
    return told


def limits_of(fields: dict[str, str]) -> dict[str, float]:
    """The limits that a form says.

    Raises:
        Problem: 422, if one is no number from 0.
    """
    said = {name: fields[f"limit.{name}"] for name, _ in CAPS if fields.get(f"limit.{name}")}
    caps = {name: _number(name, given) for name, given in said.items()}
    if wrong := [name for name, cap in caps.items() if cap < 0]:
        raise Problem(422, f"a limit is 0 or more: {wrong[0]} is not")
    return caps


def _number(name: str, given: str) -> float:
    """A number; a whole one where it is.

    Raises:
        Problem: 422, if it is none.
    """
    try:
        number = float(given)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Problem(422, f"{name!r} is a number, not {given!r}")
    return int(number) if number.is_integer() else number
