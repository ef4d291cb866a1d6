"""What a run is begun and gone on with at the command line: a value each, made of what the command was told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct

from coterie.actor import Actor
from coterie.doors.cli import remote
from coterie.doors.cli.doubts import doubts_said
from coterie.doors.cli.governance import policy_called, policy_of
from coterie.doors.cli.pairs import caps_said, pair
from coterie.doors.cli.plan import read
from coterie.doors.cli.quotas import quota_said
from coterie.doors.cli.store import tenant_meant
from coterie.doors.cli.terminal import view_of
from coterie.doors.teams import options_of, origin_of, team_of, team_of_run
from coterie.errors import BadInput
from coterie.kernel.story import opened, task_of_run
from coterie.kernel.values import to_plain
from coterie.models.find import find
from coterie.ports import Memory, Model, Store
from coterie.shell.job import Job, new_id
from coterie.shell.run import journal
from coterie.shell.session import Turns
from coterie.shell.traced import world_for
from coterie.shell.world import Asker, World
from coterie.telemetry.observers import tracing
from coterie.words.event import Opened
from coterie.words.limits import DEFAULT
from coterie.words.task import Task

if TYPE_CHECKING:
    from coterie.client import AsyncClient

Maker: TypeAlias = Callable[[Store, Asker | None], Awaitable[Job]]
"""Makes a job in an open store, whose questions somebody may answer here."""


class Running(Struct, frozen=True, kw_only=True):
    """What `coterie run` was told: a field for every option of its own, by its name, and the `options` of the team."""

    team: str
    task: str
    store: str
    options: Mapping[str, Any] = {}
    model: str | None = None
    server: str | None = None
    name: str | None = None
    session: str | None = None
    memory: str | None = None
    plan: str | None = None
    caps: tuple[str, ...] = ()
    at_cap: str | None = None
    policy: str | None = None
    doubts: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    as_json: bool = False
    quiet: bool = False

    @staticmethod
    def of(said: Mapping[str, Any]) -> Running:
        """The value of what the command line says."""
        own = {name: value for name, value in said.items() if name in Running.__struct_fields__}
        given = {name: value for name, value in said.items() if name not in own and value is not None}
        return Running(options=given, **own)

    async def there(self, client: AsyncClient) -> int:
        """Have a service perform it, and show how it goes; the exit code."""
        begun = await client.start(
            self.team, self.task, options=self.options, model=self.model, limits=self._limits(), id=self.name
        )
        view = view_of(as_json=self.as_json, quiet=self.quiet)
        return await remote.performed(client, begun, view, quiet=self.quiet, answer=not self.as_json)

    def here(self) -> Maker:
        """What makes its job. All that was said is looked at before, so a mistake leaves no run behind.

        Raises:
            BadInput: if there is no such team, or something that was said makes no sense.
        """
        if self.session and self.name:
            raise BadInput("a session names its runs itself: leave --id out")
        origin = self._origin()
        actor, model, policy = team_of(origin), model_called(self.model), policy_called(self.policy)
        doubts, quota, limits = (
            doubts_said(self.doubts),
            quota_said(self.days),
            DEFAULT.raised(self._limits()),
        )

        async def job(kept: Store, ask: Asker | None) -> Job:
            world = world_for(tracing(), model, ask=ask, memory=memory_at(self.memory), doubts=doubts)

            def made(actor: Actor, id: str, task: Task | None) -> Job:
                job = Job(actor, task, world, kept, id)
                job.origin, job.limits, job.policy, job.quota = origin, limits, policy, quota
                job.tenant = tenant_meant()
                return job

            if self.session:
                return await Turns(self.session, kept, actor, made).job(Task(self.task))
            return made(actor, self.name or new_id(), Task(self.task))

        return job

    def _limits(self) -> dict[str, Any]:
        return caps_said(self.caps) | ({"at_cap": self.at_cap} if self.at_cap else {})

    def _origin(self) -> dict[str, Any]:
        """What the run remembers of where it came from."""
        origin = origin_of(self.team, self._given(), self.model)
        if self.memory:
            origin["memory"] = str(Path(self.memory).resolve())
        if self.plan:
            origin["plan"] = to_plain(read(Path(self.plan)))
        if self.policy:
            origin["policy"] = str(Path(self.policy).resolve())
        return origin

    def _given(self) -> dict[str, Any]:
        """The options of a ready-made team, with the store where it asks for one."""
        place = str(Path(self.store).resolve())
        stores = [option.name for option in options_of(self.team) if option.kind == "store"]
        return {**self.options, **{name: place for name in stores if name not in self.options}}


class Resuming(Struct, frozen=True, kw_only=True):
    """What `coterie resume` was told: a field for every option, by its name."""

    name: str
    store: str
    answers: tuple[str, ...] = ()
    caps: tuple[str, ...] = ()
    team: str | None = None
    memory: str | None = None
    model: str | None = None
    policy: str | None = None
    doubts: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    server: str | None = None
    as_json: bool = False
    quiet: bool = False

    async def there(self, client: AsyncClient) -> int:
        """Have a service go on with it, and show how it goes; the exit code."""
        run = await remote.resumed(client, self.name, self._answered(), caps_said(self.caps))
        view = view_of(as_json=self.as_json, quiet=self.quiet)
        return await remote.performed(client, run, view, quiet=self.quiet, answer=not self.as_json)

    def here(self) -> Maker:
        """What makes its job; answers, limits and rules are looked at before.

        Raises:
            BadInput: if something that was said makes no sense.
        """
        answered, raised = self._answered(), caps_said(self.caps)
        doubts, quota = doubts_said(self.doubts), quota_said(self.days)

        async def job(kept: Store, ask: Asker | None) -> Job:
            began = opened(await journal(kept, self.name))
            remembers = memory_at(self.memory or began.origin.get("memory"))
            model = model_called(self.model or began.origin.get("model"))
            world = world_for(tracing(), model, ask=ask, memory=remembers, doubts=doubts)
            made = gone_on_with(team_of_run(began, self.team), began, world, kept, answered)
            made.raised, made.policy = raised, policy_called(self.policy) or policy_of(began)
            made.quota, made.tenant = quota, tenant_meant()
            return made

        return job

    def _answered(self) -> dict[str, str]:
        return dict(pair(answer, "an answer is PATH=VALUE") for answer in self.answers)


def gone_on_with(actor: Actor, began: Opened, world: World, store: Store, answers: Mapping[str, Any]) -> Job:
    """The job that goes on with a run, with answers to what it asks, by their paths."""
    job = Job(actor, task_of_run(began), world, store, began.run)
    job.answers = answers
    job.again = True
    return job


def model_called(name: str | None) -> Model | None:
    """The model of that name, found before anything is begun."""
    return None if name is None else find(name)


def memory_at(place: str | None) -> Memory | None:
    """What a run remembers with, if it was given anything."""
    if place is None:
        return None
    from coterie.doors.cli.memory import opened_memory

    return opened_memory(place)
