"""The page's door: its routes, who may ask for what, and how errors look to a person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from coterie.doors.http.problems import Problem, problem_of
from coterie.doors.http.service import Service
from coterie.doors.page.elements import Html
from coterie.doors.page.layout import failed
from coterie.errors import CoterieError
from coterie.shell.gate import permitted
from coterie.shell.host import Host
from coterie.words.principal import Principal, Role

STATIC = Path(__file__).parent / "static"
FIELDS = 200
"""Fields that a form has at most."""
HEADERS = {"referrer-policy": "same-origin"}
"""Forms say where they are from only if they may (Fetch, "append a request Origin header")."""


class Visit:
    """One request of a browser: who asks, of which service, and for what."""

    def __init__(self, service: Service, request: Request) -> None:
        self.service = service
        self.request = request
        self.fields: dict[str, str] = {}

    @property
    def who(self) -> Principal:
        """Who asks."""
        principal: Principal = self.request.user.principal
        return principal

    @property
    def host(self) -> Host:
        """The runs of the tenant that asks."""
        return self.service.host(self.who.tenant)

    @property
    def query(self) -> dict[str, str]:
        """What stands behind the `?` of the address, without what is empty."""
        return {name: value for name, value in self.request.query_params.items() if value}

    def number(self, name: str) -> int | None:
        """A whole number of the address; None if it is not there.

        Raises:
            Problem: 422, if it is none.
        """
        return whole(name, self.query.get(name, ""))

    def permitted(self, action: str, resource: str, **context: Any) -> None:
        """See that the policy of the service lets who asks do something, right now.

        Raises:
            Denied: if it does not, or leaves it to a person.
        """
        policy = self.service.policy
        if policy is not None:
            permitted(policy, self.who, action, resource, context)

    @property
    def id(self) -> str:
        """What the address names."""
        return str(self.request.path_params["id"])


def whole(name: str, given: str) -> int | None:
    """A whole number from 0; None for nothing.

    Raises:
        Problem: 422, if it is none.
    """
    if not given:
        return None
    if not given.isascii() or not given.isdigit() or len(given) > 15:
        raise Problem(422, f"{name!r} is a whole number from 0, not {given!r}")
    return int(given)


View = Callable[[Visit], Awaitable[Html | Response]]


def page_routes(service: Service, known: Callable[[str], Principal | None]) -> list[BaseRoute]:
    """The routes of the page; `known` says whose a token is."""
    from coterie.doors.page.entrance import entrance
    from coterie.doors.page.places import VIEWS

    routes: list[BaseRoute] = [
        Route(path, _endpoint(service, view, needs), methods=[method])
        for method, path, needs, view in (*entrance(known), *VIEWS)
    ]
    return [*routes, Mount("/static", StaticFiles(directory=STATIC))]


def _endpoint(service: Service, view: View, needs: Role | None) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            answer = await view(await _visit(service, request, needs))
        except Problem as problem:
            return trouble(request, problem)
        except CoterieError as error:
            return trouble(request, problem_of(error))
        return document(answer) if isinstance(answer, Html) else answer

    return endpoint


async def _visit(service: Service, request: Request, needs: Role | None) -> Visit:
    """The visit that a request is.

    Raises:
        Problem: 403, if who asks may not do that.
    """
    visit = Visit(service, request)
    if needs is not None and not visit.who.may(needs):
        raise Problem(403, f"you are a {visit.who.role}; this needs the role {needs!r}")
    if request.method == "POST":
        visit.fields = await _fields(request)
    return visit


async def _fields(request: Request) -> dict[str, str]:
    """The fields of a form, as browsers send them; those left empty are not there.

    Raises:
        Problem: 422, if there are more than any form of ours has.
    """
    body = (await request.body()).decode("utf-8", "replace")
    try:
        pairs = parse_qsl(body, max_num_fields=FIELDS)
    except ValueError as error:
        raise Problem(422, f"a form has at most {FIELDS} fields") from error
    return {name: value.replace("\r\n", "\n") for name, value in pairs}


def trouble(request: Request, problem: Problem) -> Response:
    """A problem as a person reads it."""
    who = request.user.principal if "user" in request.scope else None
    shown = failed(problem.status, HTTPStatus(problem.status).phrase, problem.detail, who)
    return document(shown, problem.status, problem.headers)


def document(shown: Html, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A document as an answer."""
    return HTMLResponse(shown.encode("utf-8", "replace"), status, headers={**HEADERS, **(headers or {})})


def see(place: str) -> Response:
    """Send a browser to look elsewhere, after it has changed something."""
    return RedirectResponse(place, 303)
