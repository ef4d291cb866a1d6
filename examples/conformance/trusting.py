"""What the agents of this folder share: a service of one team, open to whoever calls from this machine."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from coterie.doors.http.guard import Visitor
from coterie.doors.http.keys import KeyRing
from coterie.doors.http.library import Library
from coterie.doors.http.problems import Problem, on_error, on_problem
from coterie.doors.http.service import Service
from coterie.errors import CoterieError
from coterie.stores.places import store_at
from coterie.words.principal import LOCAL


def trusting(app: ASGIApp, user: Any = None) -> ASGIApp:
    """`app`, to which whoever calls is this machine's own: the suites bring no key."""
    known = user or Visitor(LOCAL)

    async def trusted(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["user"] = known
        await app(scope, receive, send)

    return trusted


def service_in(folder: Path, teams: Sequence[str]) -> Service:
    """A service that offers `teams`, whose journals and keys are in `folder`."""
    store = folder / "runs.db"
    return Service(Library(teams), KeyRing(folder / "keys.db"), lambda tenant: store_at(store, tenant))


def agent(folder: Path, team: str, routes_of: Callable[[Service], Sequence[BaseRoute]]) -> ASGIApp:
    """An application with one door, whose service offers `team` and has its journals in `folder`."""
    service = service_in(folder, [team])

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None, None]:
        async with service:
            yield

    handlers: dict[Any, Any] = {Problem: on_problem, CoterieError: on_error}
    return trusting(Starlette(routes=routes_of(service), exception_handlers=handlers, lifespan=lifespan))
