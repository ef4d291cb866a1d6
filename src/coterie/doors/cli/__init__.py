"""The command line: `coterie run`, `runs`, `show`, `resume`, `fork`, `replay`, `cancel`, `verify`, `doctor`."""

from __future__ import annotations

from coterie.doors.cli.commands import coterie


def main() -> None:
    """Do what the command line says, and exit: 0 done, 1 failed, 2 usage, 3 waiting, 130 interrupted."""
    coterie(prog_name="coterie")
