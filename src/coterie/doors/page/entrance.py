"""Coming in and going out: the token is sent once, and a cookie that no script can read stands for it."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.responses import Response

from coterie.doors.http.guard import COOKIE
from coterie.doors.page.door import View, Visit, document, see
from coterie.doors.page.elements import Html, el
from coterie.doors.page.layout import labelled, page
from coterie.words.principal import Principal, Role

DAYS = 30
"""How long a browser keeps what it was let in with; a key that ends opens nothing before that either."""


def entrance(known: Callable[[str], Principal | None]) -> tuple[tuple[str, str, Role | None, View], ...]:
    """The views of coming in and going out."""

    async def come_in(visit: Visit) -> Response:
        """Let a browser in with its token, and send it to where it wanted to go."""
        token = visit.fields.get("token", "").strip()
        if not token or known(token) is None:
            return document(_entrance(visit.fields.get("next", "/"), "That opens nothing here."), 403)
        answer = see(local(visit.fields.get("next", "/")))
        answer.set_cookie(
            COOKIE,
            token,
            max_age=DAYS * 86_400,
            httponly=True,
            samesite="strict",
            secure=visit.request.url.scheme == "https",
        )
        return answer

    return (
        ("GET", "/login", None, _look_in),
        ("POST", "/login", None, come_in),
        ("POST", "/logout", None, _go_out),
    )


async def _look_in(visit: Visit) -> Html:
    """Where one comes in."""
    return _entrance(visit.query.get("next", "/"))


async def _go_out(_: Visit) -> Response:
    """Forget the cookie."""
    answer = see("/login")
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def local(place: str) -> str:
    """A place of ours; anything else is where one begins."""
    parts = urlsplit(place)
    ours = place.startswith("/") and not place.startswith("//") and not parts.netloc and "\\" not in place
    return place if ours and place.isprintable() else "/"


def _entrance(then: str, trouble: str = "") -> Html:
    form = el(
        "form",
        el("input", type="hidden", name="next", value=local(then)),
        labelled(
            "Token or key",
            el("input", type="password", name="token", required=True, autocomplete="current-password"),
            help="`coterie serve` prints the token of its machine; `coterie keys make NAME` makes a key.",
        ),
        el("p", trouble, class_="trouble", role="alert") if trouble else None,
        el("button", "Come in"),
        method="post",
        action="/login",
        class_="stack",
    )
    return page("Log in", el("div", el("h1", "Coterie"), form, class_="gate"), who=None)
