"""Copies of a store that is in use, and a service that is stopped and killed with runs under way."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner

from coterie.client import Client
from coterie.doors.cli.commands import coterie
from coterie.doors.cli.serve import serve
from coterie.doors.http.keys import KeyRing
from coterie.stores.places import store_at
from coterie.telemetry.observers import figures
from coterie.testing.journals import MOMENTS, written
from coterie.words.cluster import Hand, Queue, cluster_of

ROOT = Path(__file__).parents[2]
SLOW = """
from coterie import Sleep, Team

async def _naps(task):
    for n in range(40):
        await Sleep(0.05)
    return "rested"

naps = Team("naps", (), _naps)
"""


def say(*words):
    return CliRunner().invoke(coterie, list(words))


def test_a_store_in_use_is_copied_and_restored(tmp_path):
    """Journals of all tenants and keys, as they were; what comes later is not in the copy."""
    place, copy, other = tmp_path / "a" / "runs.db", tmp_path / "copy", tmp_path / "b" / "runs.db"

    async def scene():
        stores = [store_at(place), store_at(place, "acme")]
        leases = [await written(store, "r", MOMENTS) for store in stores]
        secret, _ = KeyRing(place.parent / "keys.db").make("ada", tenant="acme", role="viewer")
        (place.parent / "token").write_text("t\n")
        done = await asyncio.to_thread(say, "backup", str(copy), "--store", str(place))
        assert done.exit_code == 0, done.stderr
        await written(stores[0], "later")
        before = [await store.read("r") for store in stores]
        for store, lease in zip(stores, leases, strict=True):
            await store.release(lease)
            await store.close()
        assert say("restore", str(copy), "--store", str(other)).exit_code == 0
        found = [store_at(other), store_at(other, "acme")]
        after = [await store.read("r") for store in found]
        listed = [[one.id for one in await store.runs()] for store in found]
        for store in found:
            await store.close()
        return len(before[0]), [len(one) for one in after], listed, secret

    count, after, listed, secret = asyncio.run(scene())
    assert (after, listed) == ([count, count], [["r"], ["r"]])
    assert KeyRing(other.parent / "keys.db").opened_by(secret).tenant == "acme"
    assert (other.parent / "token").stat().st_mode & 0o777 == 0o600
    assert say("verify", "--store", str(other)).exit_code == 0


def test_nothing_is_written_over(tmp_path):
    """A backup is a new folder, and a restore needs a place without a store."""
    store = tmp_path / "runs.db"
    missing = say("backup", str(tmp_path / "c"), "--store", str(store))
    assert (missing.exit_code, "there is no store" in missing.stderr) == (2, True)

    async def made():
        kept = store_at(store)
        await written(kept, "r")
        await kept.close()

    asyncio.run(made())
    assert say("backup", str(tmp_path / "c"), "--store", str(store)).exit_code == 0
    again = say("backup", str(tmp_path / "c"), "--store", str(store))
    over = say("restore", str(tmp_path / "c"), "--store", str(store))
    (tmp_path / "empty").mkdir()
    none = say("restore", str(tmp_path / "empty"), "--store", str(tmp_path / "d" / "runs.db"))
    assert [one.exit_code for one in (again, over, none)] == [2, 2, 2]
    assert "is no backup" in none.stderr


@pytest.mark.slow
def test_a_service_that_stops_or_dies_loses_nothing(tmp_path):
    """Runs under way at SIGTERM, and again at SIGKILL, come to their end in the process after that."""
    (tmp_path / "team.py").write_text(SLOW)
    ids: list[str] = []
    for number in (signal.SIGTERM, signal.SIGKILL, None):
        process, url = _service(tmp_path)
        try:
            with Client(url, "t") as client:
                if number is not None:
                    ids += [client.start("naps", "x").id for _ in range(3)]
                    process.send_signal(number)
                else:
                    assert [client.wait(id).text for id in ids] == ["rested"] * 6
        finally:
            if number is None:
                process.terminate()
            process.wait(20)
            process.stderr.close()
        assert process.returncode in (0, -signal.SIGKILL, -signal.SIGTERM)


def _service(folder):
    command = [
        sys.executable,
        "-m",
        "coterie",
        "serve",
        "naps=team.py:naps",
        "--port",
        "0",
        "--store",
        "runs.db",
    ]
    port = _free_port()
    command[command.index("0")] = str(port)
    environment = {
        **os.environ,
        "COTERIE_TOKEN": "t",
        "PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], str(ROOT / "src")]),
    }
    process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE)
    with Client(f"http://127.0.0.1:{port}", "t", patience=30) as client:
        client.health()
    return process, f"http://127.0.0.1:{port}"


def _free_port():
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_alerts_and_dashboard_name_what_is_counted():
    """Every name in every expression is a figure that /metrics has, and every alert has its page."""
    alerts = yaml.safe_load((ROOT / "deploy/alerts.yaml").read_text())
    dashboard = json.loads((ROOT / "deploy/grafana.json").read_text())
    headings = {
        line[3:].lower().replace(" ", "-")
        for line in (ROOT / "docs/runbooks.md").read_text().splitlines()
        if line.startswith("## ")
    }
    rules = alerts["groups"][0]["rules"]
    assert {rule["annotations"]["runbook"].partition("#")[2] for rule in rules} <= headings
    asked = [rule["expr"] for rule in rules] + [t["expr"] for p in dashboard["panels"] for t in p["targets"]]
    assert all(FIGURE.findall(one) for one in asked)
    named = {name for one in asked for name in FIGURE.findall(one)}
    assert named - set(_counted()) == {"up"}
    documented = (ROOT / "docs/telemetry.md").read_text()
    assert [one.name for one in figures().registry.collect() if one.name not in documented] == []


FIGURE = re.compile(
    r"\b(?!(?:sum|max|rate|increase|histogram_quantile|by)\b)([a-z_]+)(?=[{\[) ]|$)(?![^{]*})(?![^()]*\) \()"
)
"""A name in an expression that is no function, no label and no word of the language."""


def _counted():
    """Every name that a sample of /metrics may have."""
    counting = figures()
    queue = Queue(needs=("gpu",), depth=1)
    counting.cluster(cluster_of([queue], [Hand(worker="w", version="1")]))
    for one in counting.registry.collect():
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(one.type, ("",))
        yield from (one.name + ending for ending in endings)


def _served(words):
    """What `coterie serve` makes of words; a mistake in them is an error."""
    return serve.make_context("serve", list(words)).params


def test_files_for_deploying_ask_of_the_command_what_it_takes():
    """Each flag exists and takes that value; variables are those of options; extras are those of the package."""
    unit = (ROOT / "deploy/coterie.service").read_text()
    [line] = re.findall(r"^ExecStart=\S+/coterie serve (.*)$", unit, re.MULTILINE)
    named = _served(line.replace("$TEAMS", "research support").split())
    assert (named["teams"], named["port"], named["log"]) == (("research", "support"), 8700, True)
    image = (ROOT / "deploy/Dockerfile").read_text()
    begin, command = (
        json.loads(one) for one in re.findall(r"^(?:ENTRYPOINT|CMD) (.*)$", image, re.MULTILINE)
    )
    assert begin[:2] == ["coterie", "serve"]
    assert _served([*begin[2:], *command])["names"] == ("coterie",)
    compose = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
    assert set(compose["services"]) == {"coterie", "proxy"}
    service = compose["services"]["coterie"]
    assert (ROOT / "deploy" / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    assert _served([*begin[2:], *service["command"]])["host"] == "0.0.0.0"  # noqa: S104 - of a container
    variables = {
        option.envvar for option in serve.params if isinstance(option, click.Option) and option.envvar
    }
    said = set(re.findall(r"COTERIE_\w+(?==)", unit + image)) | {
        name for name in service["environment"] if name.startswith("COTERIE")
    }
    assert said <= variables
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = re.findall(r"(?:coterie|\.)\[([\w,]+)\]", unit + image)
    assert {extra for one in asked for extra in one.split(",")} <= set(extras)
    assert [
        line.split()[1] for line in image.splitlines() if line.startswith("COPY ") and "--from" not in line
    ] == [
        "pyproject.toml",
        "src",
    ]
