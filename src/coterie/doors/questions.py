"""Tasks to compare by, with what has to hold of their answers: a JSON object a line.

`task` is what is asked, `id` what it is called (default: its number), `data` goes with it. What has to hold is
`equals`, `contains`, `matches`, `schema` (see `coterie.teamfile.checks`), and `python`, a predicate by its name;
where there are several, all have to.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from coterie.errors import BadInput
from coterie.teamfile.checks import KINDS, check_of
from coterie.teamfile.imports import Imports
from coterie.teamfile.problems import BadFile, Problem, nearest
from coterie.words.message import Message
from coterie.words.task import Task

Predicate = Callable[[Message], Any]
KEYS = ("id", "task", "data", *KINDS, "python")
"""What a line may say."""


class Question(Struct, frozen=True):
    """One task, what it is called, and what has to hold of an answer; nothing, if only a judge can tell."""

    id: str
    task: Task
    checks: tuple[Predicate, ...] = ()

    def complaint(self, answer: Message) -> str:
        """What is wrong with an answer; empty if nothing.

        Raises:
            BadInput: if a predicate of the user's raises, or is async.
        """
        for check in self.checks:
            said = _said(check, answer)
            if said is False or (isinstance(said, str) and said):
                return said or f"{getattr(check, '__name__', 'the predicate')} does not hold"
        return ""


def _said(check: Predicate, answer: Message) -> Any:
    try:
        said = check(answer)
    except Exception as error:  # a predicate of the user's may raise anything
        name = getattr(check, "__name__", type(check).__name__)
        raise BadInput(f"the predicate {name!r} raised {type(error).__name__}: {error}") from error
    if inspect.isawaitable(said):
        raise BadInput("a predicate of a tasks file is a plain function, not an async one")
    return said


def questions(path: Path) -> list[Question]:
    """The questions of a file, in order.

    Raises:
        BadFile: with every line that is none.
    """
    try:
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile([Problem(str(path), 0, f"cannot be read: {error}")]) from error
    found: list[Question] = []
    problems: list[Problem] = []
    imports = Imports(path.resolve().parent, live=True)
    for n, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(_question(line, n, imports))
        except (BadInput, ValueError) as error:
            problems.append(Problem(str(path), n, getattr(error, "message", str(error))))
    seen: set[str] = set()
    for one in found:
        if one.id in seen:
            problems.append(Problem(str(path), 0, f"two tasks are called {one.id!r}"))
        seen.add(one.id)
    if problems or not found:
        raise BadFile(problems or [Problem(str(path), 0, "has no task in it")])
    return found


def _question(line: str, n: int, imports: Imports) -> Question:
    try:
        given = msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ValueError(f"is no JSON object: {error}") from error
    for key in given:
        if key not in KEYS:
            raise ValueError(f"a task has no {key!r}{nearest(key, KEYS)}")
    if type(given.get("task")) is not str:
        raise ValueError("a line needs 'task', a text")
    name = str(given.get("id", n))
    if not name or any(letter in "/ " for letter in name):
        raise ValueError(f"{name!r} cannot name a task: no slash or space, and not empty")
    return Question(name, Task(given["task"], data=given.get("data")), tuple(_checks(given, imports)))


def _checks(given: dict[str, Any], imports: Imports) -> Iterator[Predicate]:
    yield from (check_of(kind, given[kind]) for kind in KINDS if kind in given)
    if "python" in given:
        found = imports.get(str(given["python"]))
        if not callable(found):
            raise ValueError(f"{given['python']!r} is no function")
        yield found
