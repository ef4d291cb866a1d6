"""Starting and installing: a clean environment with the core package alone.

Where it cannot be made (no package index in reach), the import is timed with the interpreter
that runs this, and the rest is skipped.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from bench.figures import Figure, Skipped
from bench.fresh import ROOT
from bench.race import Effort

LAPS = 11
IMPORT = ("-c", "import coterie")
EMPTY = ("-c", "pass")


def figures(effort: Effort) -> Iterator[Figure | Skipped]:
    """The import, the command, and the size of what is installed."""
    laps = LAPS if effort.laps > 2 else 3
    with TemporaryDirectory() as folder:
        place = Path(folder) / "clean"
        problem = _install(place)
        python = str(place / "bin" / "python") if not problem else sys.executable
        where = "in a clean environment" if not problem else "in this environment"
        yield _import(python, where, laps)
        command = place / "bin" / "coterie"
        unable = problem or _cannot([str(command), "--help"])
        if unable:
            yield Skipped("coterie --help", unable)
        else:
            yield _timed("coterie --help", 200, [[str(command), "--help"], [python, *EMPTY]], laps)
        if problem:
            yield Skipped("installed size", problem)
        else:
            yield from _sizes(place)


def _import(python: str, where: str, laps: int) -> Figure:
    return _timed(f"import coterie {where}", 100, [[python, *IMPORT], [python, *EMPTY]], laps)


def _timed(what: str, target: float, commands: Sequence[Sequence[str]], laps: int) -> Figure:
    """The median of the first command, beside that of an empty interpreter; they take turns."""
    rounds = [[_once(command) for command in commands] for _ in range(laps)]
    ours, empty = (median(times) for times in zip(*rounds, strict=True))
    of = "python -c pass"
    return Figure(what=what, ours=ours, unit="ms", target=target, limit=empty, of=of, times=ours / empty)


def _cannot(command: Sequence[str]) -> str:
    """Why a command does not work; empty if it does."""
    if not Path(command[0]).exists():
        return "no such command is installed"
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    return _last(done.stderr) if done.returncode else ""


def _last(said: str) -> str:
    """The last line of what a command complained about."""
    return said.strip().rpartition("\n")[2][:120]


def _once(command: Sequence[str]) -> float:
    began = perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return (perf_counter() - began) * 1e3


def _install(place: Path) -> str:
    """Install this repository alone into a new environment; what went wrong, or nothing."""
    if not (ROOT / "pyproject.toml").exists():
        return "there is no pyproject.toml to install"
    venv.create(place, with_pip=False, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin" / "python")]
    done = subprocess.run(
        [*pip, "install", "--quiet", str(ROOT)], check=False, capture_output=True, text=True
    )
    return _last(done.stderr) if done.returncode else ""


def _sizes(place: Path) -> Iterator[Figure]:
    [packages] = place.glob("lib/python*/site-packages")
    files = [file for file in packages.rglob("*") if file.is_file()]
    whole = sum(file.stat().st_size for file in files)
    compiled = sum(file.stat().st_size for file in files if file.suffix == ".pyc")
    yield Figure(what="installed size, as pip leaves it", ours=whole / 1e6, unit="MB", target=10)
    yield Figure(what="installed size, --no-compile", ours=(whole - compiled) / 1e6, unit="MB", target=10)
