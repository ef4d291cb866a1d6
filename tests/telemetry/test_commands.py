"""Commands and telemetry: traces where OpenTelemetry's own variables ask for them, and nothing of it elsewhere."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.util.genai")

from coterie.doors.teams import team_of, team_of_run
from coterie.engines.nats import NatsEngine
from coterie.reach.trace import within
from coterie.shell.host import Host
from coterie.stores.places import store_at
from tests.stores.servers import nats

TRACE, ASKER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{ASKER}-01"
SOURCE = str(Path(__file__).parents[2] / "src")
TEAM = """
from coterie import Agent, Team, Ask
from coterie.models import scripted

poet = Agent("poet", model=scripted("Salt on the wind."))

async def _asks(task):
    said = await poet(task)
    return f"{said.text} {await Ask('Good?')}"

asks = Team("asks", (poet,), _asks)
"""


def said(folder, *words, **variables):
    """A command in a process of its own, with these variables of OpenTelemetry and no others."""
    (folder / "team.py").write_text(TEAM)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return subprocess.run(
        [sys.executable, "-m", "coterie", *words],
        cwd=folder,
        env={**kept, "PYTHONPATH": SOURCE, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def spans(text):
    """What the console exporter has written among the rest."""
    found = []
    for at in (match.start() for match in re.finditer(r"^\{", text, re.MULTILINE)):
        span, _ = json.JSONDecoder().raw_decode(text[at:])
        found.append(span)
    return found


def test_a_run_at_the_terminal_is_traced_where_it_is_asked_for(tmp_path):
    """Its frames and model calls, and when it is gone on with, too; all of it one conversation."""
    first = said(tmp_path, "run", "team.py:asks", "The sea.", "--id", "r", OTEL_TRACES_EXPORTER="console")
    assert first.returncode == 3, first.stderr
    told = spans(first.stdout)
    assert [one["name"] for one in told] == ["chat scripted", "invoke_agent poet", "invoke_workflow asks"]
    by_id = {one["context"]["span_id"]: one["name"] for one in told}
    assert [by_id.get(one["parent_id"]) for one in told] == [
        "invoke_agent poet",
        "invoke_workflow asks",
        None,
    ]
    again = said(tmp_path, "resume", "r", "--answer", "asks/ask.1=Yes.", OTEL_TRACES_EXPORTER="console")
    assert again.stdout.splitlines()[0] == "Salt on the wind. Yes."
    [root] = [one for one in spans(again.stdout) if one["name"] == "invoke_workflow asks"]
    assert root["attributes"]["coterie.status"] == "succeeded"
    assert {one["attributes"]["gen_ai.conversation.id"] for one in spans(again.stdout)} == {"r"}


@pytest.mark.parametrize("variables", [{}, {"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "console"}])
def test_without_them_nothing_is_traced(tmp_path, variables):
    """And the answer is all there is on stdout."""
    done = said(tmp_path, "run", "team.py:poet", "The sea.", **variables)
    assert (done.returncode, done.stdout) == (0, "Salt on the wind.\n"), done.stderr


def test_an_exporter_that_is_not_there_is_named(tmp_path):
    """With what to install, before anything is begun."""
    done = said(tmp_path, "run", "team.py:poet", "x", "--id", "r", OTEL_TRACES_EXPORTER="nowhere")
    assert (done.returncode, "nowhere" in done.stderr, "unset the variable" in done.stderr) == (2, True, True)
    assert "Traceback" not in done.stderr
    assert "no run 'r'" in said(tmp_path, "show", "r").stderr


def test_a_worker_traces_what_it_performs(tmp_path):
    """Below whoever began it elsewhere, whose parent is in the journal; with `--log` it says so, too."""
    (tmp_path / "team.py").write_text(TEAM)
    place, origin = tmp_path / "runs.db", {"team": f"{tmp_path / 'team.py'}:poet"}
    command = [sys.executable, "-m", "coterie", "worker", "--log", "--store", str(place)]
    variables = {"PYTHONPATH": SOURCE, "OTEL_TRACES_EXPORTER": "console"}

    async def begun(url):
        store, engine = store_at(place), NatsEngine(url, queue="default")
        try:
            with within(PARENT):
                actor = team_of(origin)
                run = await Host(store, actor_of=team_of_run, engine=engine).begin(actor, "x", origin=origin)
            async for _ in Host(store, actor_of=team_of_run).events(run):
                pass
            return run
        finally:
            await engine.close()
            await store.close()

    with nats() as broker:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        worker = subprocess.Popen(
            [*command, "--engine", broker.url], cwd=tmp_path, env={**os.environ, **variables}, **pipes
        )
        try:
            run = asyncio.run(asyncio.wait_for(begun(broker.url), 30))
            worker.terminate()
            told, logged = worker.communicate(timeout=30)
        finally:
            worker.kill()
    [root] = [one for one in spans(told) if one["name"] == "invoke_workflow poet"]
    assert (root["context"]["trace_id"], root["parent_id"]) == (f"0x{TRACE}", f"0x{ASKER}")
    assert root["attributes"]["gen_ai.conversation.id"] == run
    assert [one for one in logged.splitlines() if '"event":"closed"' in one and run in one]
