"""`coterie cluster`: what waits on a queue, who works on it, and how the runs of a store stand."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator

import click
import msgspec
from msgspec import Struct

from coterie.doors.cli.options import engine_option
from coterie.doors.cli.store import store_option
from coterie.engines.places import engine_at
from coterie.errors import BadInput
from coterie.ports import Surveyed
from coterie.stores.places import DEFAULT, file_of, store_at
from coterie.words.cluster import Cluster, Hand, Queue, cluster_of
from coterie.words.place import is_shared
from coterie.words.which import UNFINISHED


class Survey(Struct, frozen=True, kw_only=True):
    """A cluster, and the runs of a tenant that have not ended, by how they stand."""

    cluster: Cluster
    runs: dict[str, int]


@click.command()
@engine_option
@click.option("--queue", default="default", show_default=True, help="Which queue.")
@click.option("--seconds", default=0.5, show_default=True, help="How long workers have to answer.")
@click.option("--tenant", default=DEFAULT, show_default=True, help="Whose runs are counted.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object, for programs.")
@store_option
def cluster(engine: str | None, queue: str, seconds: float, tenant: str, as_json: bool, store: str) -> None:
    """Say what waits for a worker, who works, and how the runs stand that have not ended.

    Workers are asked, and answer: who is not listed does not work. `depth` and `age` are what to scale workers by.
    """
    if engine is None:
        raise BadInput(
            "a cluster has an engine: --engine nats://HOST:PORT (or temporal://...), or COTERIE_ENGINE"
        )
    survey = asyncio.run(_asked(engine, queue, seconds, store, tenant))
    if as_json:
        click.echo(msgspec.json.encode(survey).decode())
    else:
        click.echo("\n".join(_lines(survey)))


async def _asked(engine: str, queue: str, seconds: float, store: str, tenant: str) -> Survey:
    asked = engine_at(engine, queue)
    if not isinstance(asked, Surveyed):
        raise BadInput(f"{engine!r} does not say who works: look with its own tools")
    try:
        queues, workers = await asyncio.gather(asked.queues(), asked.workers(seconds))
    finally:
        await asked.close()
    return Survey(cluster=cluster_of(queues, workers), runs=await _runs(store, tenant))


async def _runs(place: str, tenant: str) -> dict[str, int]:
    """How many runs stand how; none, where there is no store."""
    if not is_shared(place) and not file_of(place, tenant).is_file():
        return {}
    store = store_at(place, tenant)
    try:
        seen = await store.runs(UNFINISHED)
    finally:
        await store.close()
    return dict(Counter("asleep" if one.wakes is not None else one.status for one in seen))


def _lines(survey: Survey) -> Iterator[str]:
    found = survey.cluster
    yield f"queues: {found.depth} waiting, the first for {found.age:.1f} s"
    yield from map(_queue, found.queues)
    yield f"workers: {len(found.workers)}"
    yield from map(_worker, found.workers)
    yield "runs: " + (
        ", ".join(f"{count} {how}" for how, count in sorted(survey.runs.items())) or "none under way"
    )


def _queue(one: Queue) -> str:
    needs = "+".join(one.needs) or "any worker"
    dead = f", {one.dead} given up" if one.dead else ""
    return (
        f"  priority {one.priority}, {needs}: {one.depth} waiting, {one.under_way} under way"
        f", the first for {one.age:.1f} s{dead}"
    )


def _worker(one: Hand) -> str:
    has = f", has {', '.join(one.has)}" if one.has else ""
    state = "draining" if one.draining else f"for {time.time() - one.since:.0f} s"
    return (
        f"  {one.worker}: {one.under_way} of {one.concurrency} under way, {one.performed} performed"
        f"{has}, {state}, version {one.version}"
    )
