"""Code review: what ruff finds and what reviewers think of Python code, and a fix that is checked.

Practices, code, review, fix, document. The task names the practices; ruff finds what breaks them, on the lines of a
diff if one is given. Three reviewers each name a line; that is an opinion, and is called one. What ruff can mend
it mends; for the rest the fixer writes the function anew: it has to parse, take what it took, and leave less to find,
or the old one stays. If ruff still finds something at the end, the run is unverified: that is the done-when.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from coterie.actor import do
from coterie.agent import Agent
from coterie.errors import BadInput
from coterie.patterns.choose import fitted, one_of
from coterie.patterns.mapreduce import mapreduce
from coterie.patterns.parallel import parallel
from coterie.patterns.pipeline import pipeline
from coterie.patterns.refine import refine
from coterie.roles import role
from coterie.team import Team
from coterie.teams.option import Option
from coterie.teams.output import parts_of, text_of, writable, write_files
from coterie.teams.source import (
    Finding,
    Place,
    added,
    code_in,
    difference,
    lines_of,
    lint,
    mend,
    parameters,
    parse_error,
    places,
    put,
    ruff_command,
)
from coterie.words.failure import collect_all
from coterie.words.message import Message
from coterie.words.task import Task

PRACTICES = {
    "correctness": ("E4", "E7", "E9", "F", "PLW"),
    "traps": ("B", "BLE"),
    "security": ("S",),
    "clarity": ("SIM", "RET", "C4"),
    "speed": ("PERF",),
}
"""What code is reviewed for, and the rules of ruff that say so. A task that names none means all."""
SHOWN = 6_000
"""Characters of a file that reviewers are shown."""
ROUNDS = 2
"""Times that a function may be written anew."""


class Code(Struct, frozen=True):
    """A file under review: as it was, as it is now, and the lines in question (empty: all)."""

    name: str
    before: str
    after: str
    lines: tuple[int, ...] = ()
    rules: tuple[str, ...] = ()
    found: tuple[Finding, ...] = ()
    left: tuple[Finding, ...] = ()
    opinions: tuple[str, ...] = ()
    unsafe: bool = False

    @property
    def asked(self) -> tuple[Finding, ...]:
        """What was found on the lines in question."""
        return tuple(one for one in self.found if not self.lines or one.line in self.lines)


MOST = 40
"""Statements of a file that reviewers choose from."""
CONCERNS = {
    "tester": ("fails where something is missing", "fails where something is empty", "gives a wrong result"),
    "guard": ("hides an error", "may lose data", "trusts what comes from outside"),
    "reader": ("has a name that says little", "does too much at once", "is more complicated than need be"),
}
"""What each reviewer may have to say of a line: small models choose better than they write."""
REVIEWERS = tuple(
    Agent(
        name,
        f"You review code. Choose the line that most {' or '.join(concerns)}.",
        settings={"max_tokens": 80},
    )
    for name, concerns in CONCERNS.items()
)
FIXER = role(
    "coder",
    does=(
        "Mend what you are told, and keep everything else.",
        "Keep the names, the parameters and the docstring.",
    ),
    answer="The whole piece of code in one block, and no talk around it.",
).agent("fixer", settings={"max_tokens": 350})
OPTIONS = (
    Option(name="file", help="The Python file to review.", kind="file"),
    Option(name="diff", help="Or a unified diff: its added lines are reviewed.", kind="file"),
    Option(name="root", help="The folder that the paths of the diff begin in.", kind="folder"),
    Option(name="out", help="The folder for report.md and the fixed files.", kind="output", required=True),
)


def build(
    out: str | Path,
    file: str | Path | None = None,
    diff: str | Path | None = None,
    root: str | Path | None = None,
) -> Team:
    """A team that reviews a file, or the files of a diff, and writes a report and fixed files into `out`.

    Raises:
        BadInput: if there is neither or both, no Python in it, or `out` cannot be written to.
        MissingExtra: if ruff is not installed.
    """
    ruff_command()
    target = writable(out)
    given = given_code(file, diff, root)

    async def played(task: Task) -> Message:
        rules = practices(task.text)
        made = await every(
            Task(task.text, data=[Task(one.name, data=replace(one, rules=rules)) for one in given])
        )
        codes = [part.output for part in made.parts]
        text = report(task.text, codes)
        fixed = {one.name.rsplit("/", 1)[-1]: one.after for one in codes if one.after != one.before}
        await do(write_files, target, {"report.md": text, **fixed})
        return Message(sender="code-review", text=text, output=codes, parts=made.parts, missing=made.missing)

    stages = [
        Team("code", (), _coded),
        Team("review", REVIEWERS, _reviewed),
        Team("fix", [FIXER], _fixed),
        Team("document", (), _documented),
    ]
    one = pipeline(*stages, name="file")
    every = mapreduce(one, split=parts_of, at_once=1, name="files", on_failure=collect_all)
    settings = {"given": msgspec.to_builtins(given)}
    return Team("code-review", [every], played, settings=settings, done_when=_clean)


def given_code(file: str | Path | None, diff: str | Path | None, root: str | Path | None) -> list[Code]:
    """The files to review, and of those of a diff the lines that it adds.

    Raises:
        BadInput: if there is neither or both, a file cannot be read or is no Python, or a diff has none.
    """
    if (file is None) == (diff is None):
        raise BadInput("a review is of a file or of a diff: give --file or --diff")
    if file is not None:
        return [_code(Path(file), Path(file).name)]
    path = Path(str(diff))
    top = Path(root) if root is not None else path.parent
    changed = {name: lines for name, lines in added(text_of(path)).items() if name.endswith(".py") and lines}
    if not changed:
        raise BadInput(
            f"{str(diff)!r} adds no line to a Python file: give a unified diff, as `git diff` makes them"
        )
    if outside := [name for name in changed if not (top / name).resolve().is_relative_to(top.resolve())]:
        raise BadInput(f"{str(diff)!r} names {outside[0]!r}, which is outside {str(top)!r}")
    return [_code(top / name, name, lines) for name, lines in changed.items()]


def _code(path: Path, name: str, lines: Collection[int] = ()) -> Code:
    source = text_of(path, 1_000_000)
    if problem := parse_error(source):
        raise BadInput(f"{str(path)!r} is no Python: {problem}")
    return Code(name, source, source, tuple(sorted(lines)))


def practices(task: str) -> tuple[str, ...]:
    """The rules of the practices that a task names, or of all."""
    named = [name for name in PRACTICES if name in task.lower()]
    return tuple(rule for name in named or PRACTICES for rule in PRACTICES[name])


async def _coded(task: Task) -> Message:
    """The play of looking at the code: what ruff finds in it."""
    code: Code = task.data
    found = await do(lint, code.before, [*code.rules])
    return Message(sender="code", text=task.text, output=replace(code, found=tuple(found)))


async def _reviewed(task: Task) -> Message:
    """The play of the reviewers: the worst line of those in question for each, in its eyes."""
    code: Code = task.data
    lines = _spoken(code)
    if not lines:
        return Message(sender="review", text=task.text, output=code)
    panel = parallel(
        *(fitted(one, _opinion(one.name, lines)) for one in REVIEWERS),
        name="reviewers",
        on_failure=collect_all,
    )
    said = await panel(code.before[:SHOWN])
    opinions = tuple(
        f"{part.sender} on line {lines[part.output.line]} (`{part.output.line}`): {part.output.it}"
        for part in said.parts
    )
    return Message(
        sender="review", text=task.text, output=replace(code, opinions=opinions), missing=said.missing
    )


def _opinion(reviewer: str, lines: Collection[str]) -> Any:
    fields: list[Any] = [("line", one_of(lines)), ("it", one_of(CONCERNS[reviewer]))]
    return msgspec.defstruct("Opinion", fields, frozen=True)


def _spoken(code: Code) -> dict[str, int]:
    """The statements in question that a reviewer can name, and their lines: the first `MOST` of them."""
    text = code.before.splitlines()
    heads = [
        node.lineno
        for node in ast.walk(ast.parse(code.before))
        if isinstance(node, ast.stmt) and not _is_text(node)
    ]
    asked = [at for at in sorted(set(heads)) if not code.lines or at in code.lines]
    return {text[at - 1].strip(): at for at in asked[:MOST]}


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


async def _fixed(task: Task) -> Message:
    """The play of the fix: what ruff can mend, then finding by finding what it cannot."""
    code = await _mended(task.data)
    for finding in reversed(code.left):  # from the end, so that the lines before stay where they are
        place = next((one for one in places(code.after) if one.first <= finding.line <= one.last), None)
        if place is not None:
            code = await _rewritten(code, place, finding)
    return Message(sender="fix", text=task.text, output=await _looked_at(code))


async def _mended(code: Code) -> Code:
    """A file with what ruff can mend: safely first, and then otherwise, if no function takes something else."""
    if code.lines:  # ruff would mend lines that are not in question
        return await _looked_at(code)
    code = replace(code, after=await do(mend, code.before, [*code.rules])) if code.found else code
    bold = await do(mend, code.after, [*code.rules], unsafe=True) if code.found else code.after
    if bold != code.after and not _broken(code.before, bold):
        code = replace(code, after=bold, unsafe=True)
    return await _looked_at(code)


async def _rewritten(code: Code, place: Place, finding: Finding) -> Code:
    """The file with a place written anew, if that leaves less to find; the file as it was, if not."""

    async def better(message: Message) -> str:
        made = put(code.after, place, code_in(message.text))
        if problem := _broken(code.after, made):
            return problem
        now = await _looked_at(replace(code, after=made))
        return (
            ""
            if len(now.left) < len(code.left)
            else f"ruff still says: {'; '.join(one.message for one in now.left)}"
        )

    old, line = (
        lines_of(code.after, place.first, place.last),
        lines_of(code.after, finding.line, finding.line),
    )
    asked = f"```python\n{old}\n```\n\nMend `{line.strip()}`: {finding.message}"
    said = await refine(FIXER, accept=better, rounds=ROUNDS, name="rewrite")(asked)
    if said.unverified:
        return code
    return await _looked_at(replace(code, after=put(code.after, place, code_in(said.text))))


def _broken(old: str, new: str) -> str:
    """Why a file is not to be had: no Python, or functions that are gone, new, or take something else."""
    if problem := parse_error(new):
        return problem
    was, now = parameters(old), parameters(new)
    changed = sorted({name for name in was.keys() | now.keys() if was.get(name) != now.get(name)})
    return f"keep these functions and their parameters as they were: {', '.join(changed)}" if changed else ""


async def _looked_at(code: Code) -> Code:
    """A file with what ruff finds in it now, but for what it found on lines that are not in question."""
    found = code.found if code.after == code.before else await do(lint, code.after, [*code.rules])
    others = Counter((one.rule, one.message) for one in code.found) - Counter(
        (one.rule, one.message) for one in code.asked
    )
    left: list[Finding] = []
    for one in found:
        if others[one.rule, one.message] > 0:
            others[one.rule, one.message] -= 1
        else:
            left.append(one)
    return replace(code, left=tuple(left))


async def _documented(task: Task) -> Message:
    """The play of the document: the report of one file."""
    code: Code = task.data
    return Message(sender="document", text=described(code), output=code)


async def _clean(message: Message) -> str:
    """What ruff still finds, what does not parse, and who failed."""
    codes = msgspec.convert(message.output, list[Code])
    wrong = [f"{one.name}: {problem}" for one in codes if (problem := parse_error(one.after))]
    for code in codes:
        wrong += [f"{code.name} {one}" for one in (await _looked_at(code)).left]
    return "\n".join([*wrong, *(str(failure) for failure in message.missing)])


def report(task: str, codes: Sequence[Code]) -> str:
    """The whole review as Markdown."""
    return "\n\n".join([f"# Review: {task}", *map(described, codes)]) + "\n"


def described(code: Code) -> str:
    """What was found in a file, what was mended, what is left, what reviewers think, and the fix."""
    left = Counter((one.rule, one.message) for one in code.left)
    found = [f"- {one}{'' if (one.rule, one.message) in left else ': fixed'}" for one in code.asked]
    parts = [f"## {code.name}", f"ruff found {len(code.asked)}, {len(code.left)} are left:", "\n".join(found)]
    if code.unsafe:
        parts.append(
            "Some of these fixes ruff calls unsafe, because they may change what the code does: look at them."
        )
    if code.opinions:
        parts.append(
            "Opinions of the reviewers, which nobody has checked:\n\n"
            + "\n".join(f"- {one}" for one in code.opinions)
        )
    if code.after != code.before:
        parts.append(f"```diff\n{difference(code.before, code.after, code.name)}\n```")
    return "\n\n".join(filter(None, parts))
