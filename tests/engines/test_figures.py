"""Figures of a cluster of real processes, asked as Prometheus and KEDA's scalers ask."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml

from coterie.doors.cli.serving import Serving
from coterie.doors.cli.worker import Working, worker
from coterie.errors import BadInput
from coterie.telemetry.shown import counted
from tests.http.serving import served
from tests.stores.servers import nats, postgres

ROOT = Path(__file__).parents[2]
SOURCE = str(ROOT / "src")
TEAM = """
from coterie import Sleep, Team

async def _play(task):
    await Sleep(0.2)
    return task.text

team = Team("nap", (), _play)
"""


def triggers():
    """What KEDA is told to ask."""
    documents = [*yaml.safe_load_all((ROOT / "deploy/keda.yaml").read_text())]
    [scaled] = [one for one in documents if one["kind"] == "ScaledObject"]
    return documents, scaled


def figures_of(text):
    """Every sample of Prometheus' text format, by its name and labels."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


@pytest.fixture(scope="module")
def places():
    with nats() as broker, postgres() as url:
        yield broker.url, url


def started(folder, broker, url):
    """A worker as somebody else's process, and where its figures are."""
    path = os.pathsep.join([os.environ.get("PYTHONPATH", ""), SOURCE])
    words = ["--store", url, "--engine", broker, "--concurrency", "7", "--lease", "1", "--metrics", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "coterie", "worker", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.PIPE,
        text=True,
    )
    place = re.search(r"http://127\.0\.0\.1:\d+/metrics", process.stderr.readline()).group()
    assert "working on" in process.stderr.readline()
    return process, place


def test_queues_and_workers_are_counted_and_scaled_by(places, tmp_path, monkeypatch):
    """What waits while nobody works, what KEDA reads of it, and what a worker says once it has done it."""
    broker, url = places
    monkeypatch.chdir(tmp_path)
    (tmp_path / "team.py").write_text(TEAM)
    told = Serving(store=url, engine=broker, teams=(f"nap={tmp_path / 'team.py'}:team",)).with_token()
    service = told.service()
    key, _ = service.keys.make("keda", role="admin")
    _, scaled = triggers()

    async def scene():
        async with served(service) as http:
            http.headers["authorization"] = f"Bearer {key}"
            for n in range(3):
                assert (await http.post("/v1/runs", json={"team": "nap", "task": str(n)})).status_code == 201
            asks = [one["metadata"] for one in scaled["spec"]["triggers"]]
            paths = [httpx.URL(one["url"]).path for one in asks]
            said = [
                (await http.get(path)).json()[one["valueLocation"]]
                for path, one in zip(paths, asks, strict=True)
            ]
            before = figures_of((await http.get("/metrics")).text)
            process, place = await asyncio.to_thread(started, tmp_path, broker, url)
            try:
                ids = [one["id"] for one in (await http.get("/v1/runs")).json()["runs"]]
                for id in ids:
                    await http.get(f"/v1/runs/{id}/wait")
                own = {}
                async with httpx.AsyncClient(trust_env=False) as plain:
                    while (
                        own.get("coterie_worker_runs_total", 0.0) < 3
                        or not own["coterie_lease_renewals_total"]
                    ):
                        await http.post("/v1/runs", json={"team": "nap", "task": "more"})
                        own = figures_of((await plain.get(place)).text)
                after = figures_of((await http.get("/metrics")).text)
            finally:
                process.terminate()
                await asyncio.to_thread(process.communicate)
            return said, before, own, after

    said, before, own, after = asyncio.run(asyncio.wait_for(scene(), 120))
    service.keys.close()
    depth = before['coterie_queue_depth{needs="",priority="1"}']
    assert (said[0], depth, before["coterie_workers"]) == (3, 3.0, 0.0)
    assert (said[1] >= 0, before['coterie_queue_age_seconds{needs="",priority="1"}'] >= said[1]) == (
        True,
        True,
    )
    assert (own["coterie_worker_concurrency"], own["coterie_worker_draining"]) == (7.0, 0.0)
    assert own['coterie_steps_total{kind="sleep"}'] >= 3
    assert own['coterie_runs_total{status="succeeded"}'] >= 3
    assert "model_gate_wait_seconds_count" in own
    assert (after["coterie_workers"], after["coterie_workers_concurrency"]) == (1.0, 7.0)


def test_the_scaler_asks_what_there_is():
    """The fields of KEDA's `metrics-api` scaler (2.15), the workload and the address of the manifests, and one key."""
    documents, scaled = triggers()
    items = yaml.safe_load((ROOT / "deploy/kubernetes.yaml").read_text())["items"]
    names = {(one["kind"], one["metadata"]["name"]) for one in items}
    known = {
        "url",
        "format",
        "valueLocation",
        "targetValue",
        "activationTargetValue",
        "unsafeSsl",
        "authMode",
    }
    for one in scaled["spec"]["triggers"]:
        metadata = one["metadata"]
        assert (one["type"], set(metadata) <= known, metadata["authMode"]) == ("metrics-api", True, "bearer")
        assert {"url", "valueLocation", "targetValue"} <= set(metadata)
        assert ("Service", httpx.URL(metadata["url"]).host) in names
        assert all(isinstance(value, str) for value in metadata.values())
    assert ("Deployment", scaled["spec"]["scaleTargetRef"]["name"]) in names
    [secret] = [one for one in documents if one["kind"] == "Secret"]
    [given] = [one for one in documents if one["kind"] == "TriggerAuthentication"]
    [ref] = given["spec"]["secretTargetRef"]
    assert (ref["parameter"], ref["name"]) == ("token", secret["metadata"]["name"])
    assert ref["key"] in secret["stringData"]


def test_figures_are_shown_to_this_machine_alone_and_only_if_asked_for():
    """Off by default, on loopback unless a host is named; what is no port is said."""
    assert Working(store="x").metrics is None
    assert any(one.name == "metrics" for one in worker.params)
    assert counted(None) is None
    assert [counted(place)._place for place in ("9464", "0.0.0.0:9464", "[::1]:0")] == [
        ("127.0.0.1", 9464),
        ("0.0.0.0", 9464),  # noqa: S104 - that is what was asked for
        ("::1", 0),
    ]
    for wrong in ("x", "a:b", "70000", ""):
        with pytest.raises(BadInput, match="no port"):
            counted(wrong)
