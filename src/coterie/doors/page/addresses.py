"""Addresses of the page."""

from __future__ import annotations

from urllib.parse import quote, urlencode


def to_run(id: str, part: str = "", **query: str | int | None) -> str:
    """The address of a run, or of a part of it."""
    return f"/runs/{quote(id, safe='')}{f'/{part}' if part else ''}{asked(**query)}"


def to_team(name: str) -> str:
    """The address of a team."""
    return f"/teams/{quote(name, safe='')}"


def to_agent(name: str, part: str = "") -> str:
    """The address of a standing agent, or of a part of it."""
    return f"/agents/{quote(name, safe='')}{f'/{part}' if part else ''}"


def to_schedule(name: str, part: str) -> str:
    """The address of what is done with a schedule."""
    return f"/schedules/{quote(name, safe='')}/{part}"


def asked(**query: str | int | None) -> str:
    """What stands behind the `?`, without what is None or empty."""
    given = {name: value for name, value in query.items() if value is not None and value != ""}
    return f"?{urlencode(given)}" if given else ""
