"""Small programs that nobody trusts yet: run in a sandbox, and held to examples."""

from __future__ import annotations

import ast
import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from coterie.errors import ToolFailed
from coterie.tool import tool
from coterie.tools.confine import PYTHON
from coterie.tools.sandbox import Sandbox

SECONDS = 10.0
"""How long a program may run; the sandbox has the other limits."""
SHOWN = 1_200
"""Characters of its output that are kept, from the end."""


class Ran(Struct, frozen=True):
    """What came of running a program: its exit code, and the end of what it said."""

    code: int
    said: str


@tool(idempotent=True, timeout=60.0)
async def run(files: dict[str, str], arguments: list[str]) -> Ran:
    """Run `python ARGUMENTS` in a sandbox whose only folder holds `files`; a limit that it exceeds is said."""
    with tempfile.TemporaryDirectory(prefix="coterie-") as folder:
        await asyncio.to_thread(_put, folder, files)
        box = Sandbox(seconds=SECONDS, folder=folder)
        try:
            done = await box.run(PYTHON, "-E", "-s", "-B", *arguments)
        except ToolFailed as error:
            return Ran(-1, str(error)[-SHOWN:])
    said = "\n".join(part.strip() for part in (done.stdout, done.stderr) if part.strip())
    return Ran(done.exit, said.replace(folder, ".")[-SHOWN:])


def _put(folder: str, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        Path(folder, name).write_text(text, encoding="utf-8")


def problem_of(source: str, needs: Mapping[str, Sequence[str]]) -> str:
    """Why source does not do: no Python, or a function of `needs` is missing or takes something else."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        return f"it does not parse: {error}"
    there = {
        node.name: [one.arg for one in node.args.args]
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }
    for name, names in needs.items():
        if there.get(name) != list(names):
            return f"it needs `def {name}({', '.join(names)})` at the top"
    return ""


def examples_in(text: str) -> list[str]:
    """The examples in a text: comparisons like `slug("A b") == "a-b"`, in lines or backticks, each once."""
    found: dict[str, None] = {}
    for piece in (one.strip(" `-*;.\t") for line in text.splitlines() for one in line.split("`")):
        try:
            node = ast.parse(piece, mode="eval").body
        except (SyntaxError, ValueError):
            continue
        if (
            isinstance(node, ast.Compare)
            and isinstance(node.left, ast.Call)
            and isinstance(node.ops[0], ast.Eq)
        ):
            found[ast.unparse(node)] = None
    return list(found)


def call_in(example: str) -> tuple[str, list[str], str]:
    """Of an example the function, its arguments, and what it has to give, all as source.

    Raises:
        ValueError: if it is none, or its arguments and value are no plain literals.
    """
    match ast.parse(example, mode="eval").body:
        case ast.Compare(left=ast.Call(func=ast.Name(id=name), args=args, keywords=[]), comparators=[due]):
            for one in (*args, due):
                ast.literal_eval(one)
            return name, [ast.unparse(one) for one in args], ast.unparse(due)
        case _:
            raise ValueError(f"{example!r} is no comparison like `slug('A b') == 'a-b'`")


_HELD = (
    "    def held(self, got, due, call):",
    "        if got != due:",
    "            self.fail(f'{call} gives {got!r}, and has to give {due!r}')",
    "",
)


def tests_of(module: str, examples: Sequence[str]) -> str:
    """A test module that holds `module` to the examples, and says of each what came and what was due."""
    names = ", ".join(dict.fromkeys(call_in(example)[0] for example in examples))
    lines = [
        "import unittest",
        "",
        f"from {module} import {names}",
        "",
        "",
        "class Examples(unittest.TestCase):",
        *_HELD,
    ]
    for n, example in enumerate(examples, 1):
        name, given, due = call_in(example)
        call = f"{name}({', '.join(given)})"
        lines += [f"    def test_{n}(self):", f"        self.held({call}, {due}, {call!r})", ""]
    return "\n".join([*lines, "", 'if __name__ == "__main__":', "    unittest.main()", ""])
