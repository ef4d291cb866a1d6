"""Programs as tools: Python and commands, each in a sandbox."""

from __future__ import annotations

from coterie.errors import ToolFailed
from coterie.tool import Tool
from coterie.tools.confine import PYTHON
from coterie.tools.sandbox import Outcome, Sandbox

SHELL = "/bin/sh"
SAID = 8_000
"""Letters of what a program wrote that an error repeats."""


def python(sandbox: Sandbox = Sandbox()) -> Tool:  # noqa: B008 - a frozen value
    """A tool `python` that runs a program in Python's standard library, in `sandbox`; it gives what was printed."""

    async def python(code: str) -> Outcome:
        """Run a Python program and get what it prints. It has the standard library, and no network."""
        return _good(await sandbox.run(PYTHON, "-I", "-", stdin=code), "the program")

    return _tool(python, sandbox)


def shell(sandbox: Sandbox = Sandbox()) -> Tool:  # noqa: B008 - a frozen value
    """A tool `shell` that runs a command in `sandbox`; it gives what the command wrote."""

    async def shell(command: str) -> Outcome:
        """Run a command with /bin/sh and get what it writes. There is no network."""
        return _good(await sandbox.run(SHELL, "-c", command), "the command")

    return _tool(shell, sandbox)


def _tool(function: object, sandbox: Sandbox) -> Tool:
    assert callable(function)
    harmless = not (sandbox.folder and sandbox.writable)
    return Tool(
        function, idempotent=harmless, timeout=sandbox.seconds + 30, tags=["program"], sensitive=not harmless
    )


def _good(outcome: Outcome, what: str) -> Outcome:
    """The outcome of a program that ended well.

    Raises:
        ToolFailed: if it did not; the message has what it wrote.
    """
    if outcome.exit == 0:
        return outcome
    wrote = "\n".join(part.strip() for part in (outcome.stdout, outcome.stderr) if part.strip())
    raise ToolFailed(f"{what} ended with status {outcome.exit} (sandbox: {outcome.sandbox}): {wrote[-SAID:]}")
