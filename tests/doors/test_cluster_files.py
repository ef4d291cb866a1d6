"""The files for a cluster ask of the commands what they take, and their team is one."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click
import pytest
import yaml

from coterie.doors.cli.serve import serve
from coterie.doors.cli.worker import worker
from coterie.doors.http.guard import OPEN
from coterie.teamfile.load import load

ROOT = Path(__file__).parents[2]
ITEMS = {
    (item["kind"], item["metadata"]["name"]): item
    for item in yaml.safe_load((ROOT / "deploy/kubernetes.yaml").read_text())["items"]
}


def container(name):
    [one] = ITEMS["Deployment", name]["spec"]["template"]["spec"]["containers"]
    return one


@pytest.mark.parametrize(("name", "command"), [("coterie-serve", serve), ("coterie-worker", worker)])
def test_what_is_said_to_a_command_is_what_it_takes(name, command):
    """Each flag exists and takes that value, and each variable is an option's."""
    one = container(name)
    words = one["command"][2:] if "command" in one else ["--host", "0.0.0.0", *one["args"]]  # noqa: S104
    assert command.make_context(name, words).params
    variables = {
        option.envvar for option in (*serve.params, *worker.params) if isinstance(option, click.Option)
    }
    said = {variable["name"] for variable in one["env"] if variable["name"].startswith("COTERIE_")}
    assert said <= variables


def test_probes_ask_what_is_open_to_everybody_by_a_name_that_is_known():
    """A kubelet has no token, and says the name that `--host-name` names."""
    one = container("coterie-serve")
    names = [
        word for before, word in zip(one["args"], one["args"][1:], strict=False) if before == "--host-name"
    ]
    for probe in (one["readinessProbe"]["httpGet"], one["livenessProbe"]["httpGet"]):
        assert probe["path"] in OPEN
        assert [header["value"] for header in probe["httpHeaders"]] == [names[-1]]


def test_what_stops_has_the_time_it_was_promised():
    """A worker's grace, and what a service takes to park its runs, end before it is killed."""
    spec = ITEMS["Deployment", "coterie-worker"]["spec"]["template"]["spec"]
    words = spec["containers"][0]["command"]
    assert float(words[words.index("--grace") + 1]) < spec["terminationGracePeriodSeconds"]


def test_the_team_that_is_mounted_is_one(tmp_path):
    """It is loaded as it stands, and both deployments mount it where the service looks for it."""
    [(name, text)] = ITEMS["ConfigMap", "coterie-teams"]["data"].items()
    (tmp_path / name).write_text(text)
    assert len(load(tmp_path / name).members) == 2
    assert f"/teams/{name}" in container("coterie-serve")["args"]
    mounts = [container(one)["volumeMounts"] for one in ("coterie-serve", "coterie-worker")]
    assert all({"name": "teams", "mountPath": "/teams"} in one for one in mounts)


def test_the_image_has_what_a_cluster_needs():
    """Its extras are those of the package, with the store and the engine of a cluster."""
    [extras] = re.findall(r"^ARG EXTRAS=([\w,]+)$", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE)
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {"server", "postgres", "nats"} <= set(extras.split(",")) <= set(known)
