"""Settings: how the service is set up, and the keys that open it."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import Response

from coterie import __version__
from coterie.doors.http.keys import Key
from coterie.doors.http.problems import Problem
from coterie.doors.page.door import Visit, document, see, whole
from coterie.doors.page.elements import Child, Html, el
from coterie.doors.page.layout import clock, figures, headline, labelled, page, section, table
from coterie.doors.page.runs import choice
from coterie.errors import BadInput
from coterie.words.principal import ROLES, Role

DAY = 86_400
"""Seconds."""


async def show_settings(visit: Visit) -> Html:
    """Who one is, how the service is set up, and its keys for who may see them."""
    return _settings(visit)


def _settings(visit: Visit, secret: str = "") -> Html:
    who, settings = visit.who, visit.service.settings
    told = figures(
        ("You are", f"{who.name}, {who.role}"),
        ("Tenant", who.tenant),
        ("Called by", ", ".join(settings.hosts)),
        ("Pages of", ", ".join(settings.origins) or "this service alone"),
        ("Requests a minute", f"{settings.rate:,}"),
        ("Runs at once", f"{settings.at_once:,}"),
        ("Body, at most", f"{settings.body // 1024:,} KiB"),
        ("Version", __version__),
    )
    shown = _keys(visit, secret) if who.may("admin") else el("p", "Keys are for administrators.")
    return page(
        "Settings",
        headline("Settings"),
        section("This service", told, id="service"),
        section("Keys", shown, id="keys", swap=False),
        who=who,
        at="/settings",
    )


def _keys(visit: Visit, secret: str) -> Html:
    rows: list[list[Child]] = [_row(key) for key in visit.service.keys.all(visit.who.tenant)]
    heads = ("Key", "For", "Role", "Made", "Ends", "Change")
    return el(
        "div",
        _new_secret(secret) if secret else None,
        table(heads, rows, caption="Keys")
        if rows
        else el("p", "There are no keys yet; only the token of this machine."),
        el(
            "form",
            labelled("For", el("input", name="name", required=True, maxlength=100)),
            labelled("Role", choice("role", [(role, role) for role in ROLES], "operator", any_="choose")),
            labelled("Days", el("input", type="number", name="days", min=1, placeholder="for ever")),
            el("button", "Make a key"),
            method="post",
            action="/keys",
            class_="filters",
        ),
        class_="stack",
    )


def _new_secret(secret: str) -> Html:
    return el(
        "div",
        el("p", "This is the one time that the key is shown:"),
        el("pre", secret, id="secret"),
        class_="told",
        role="status",
    )


def _row(key: Key) -> list[Child]:
    place = f"/keys/{quote(key.id, safe='')}"
    buttons = [
        el("form", el("button", said, class_=tone), method="post", action=f"{place}/{deed}")
        for said, deed, tone in (("Rotate", "rotate", "quiet"), ("Revoke", "revoke", "danger"))
    ]
    ends = "never" if key.expires is None else clock(key.expires)
    return [
        el("code", key.id),
        key.name,
        key.role,
        clock(key.created),
        ends,
        el("div", *buttons, class_="row"),
    ]


async def make(visit: Visit) -> Response:
    """Make a key, and show it this once."""
    days = whole("days", visit.fields.get("days", ""))
    role = visit.fields.get("role", "")
    known: Role | None = next((one for one in ROLES if one == role), None)
    if known is None:
        raise Problem(422, f"a role is one of {list(ROLES)}, not {role!r}")
    secret, _ = visit.service.keys.make(
        visit.fields.get("name", ""), tenant=visit.who.tenant, role=known, seconds=days and days * DAY
    )
    return document(_settings(visit, secret), 201)


async def rotate(visit: Visit) -> Response:
    """Make a key in the place of another, which is good for an hour more; show it this once."""
    try:
        secret, _ = visit.service.keys.rotate(visit.id, visit.who.tenant)
    except BadInput as error:
        raise Problem(404, error.message) from error
    return document(_settings(visit, secret), 201)


async def revoke(visit: Visit) -> Response:
    """Let a key open nothing any more."""
    if not visit.service.keys.revoke(visit.id, visit.who.tenant):
        raise Problem(404, f"there is no key {visit.id!r}")
    return see("/settings")
