"""From the path of a team file to its actor."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from coterie.actor import Actor
from coterie.team import manifest
from coterie.teamfile.document import Document, Files
from coterie.teamfile.problems import Problem
from coterie.teamfile.source import plain
from coterie.words.digest import digest_of

SUFFIXES = (".yaml", ".yml")
"""How a team file's name ends."""


class TeamFile:
    """A file that was read: its actor, and what is wrong or left over in it."""

    def __init__(self, document: Document, files: Files, actor: Any, name: str) -> None:
        self._document = document
        self._name = name
        self._files = files
        self._actor = actor

    @property
    def actor(self) -> Actor:
        """The actor that the file is, or the one of it that was asked for.

        Raises:
            BadFile: if there is anything wrong with the file.
        """
        self._files.settle()
        actor: Actor = self._actor
        return actor

    @property
    def description(self) -> str:
        """What the file says it is for."""
        return self._document.description

    @property
    def keys(self) -> set[str]:
        """What the file says something of."""
        return set(self._document.root.entries)

    @property
    def idle(self) -> list[Problem]:
        """The agents that are in none of its teams; nobody, where one member of it was asked for."""
        document = self._document
        if self._name or (not document.teams and "team" not in document.root.entries):
            return []
        lines = document.root.entries["agents"].keys if document.agents else {}
        file = document.problems.file
        return [
            Problem(file, lines[name], f"agent {name!r} is in no team")
            for name in document.agents
            if name not in document.used
        ]

    @property
    def digest(self) -> str:
        """The name of what all its files say, whatever their comments and the folder they lie in."""
        root = self._document.path.resolve().parent
        said = [[os.path.relpath(path, root), plain(one.root)] for path, one in self._files.documents.items()]
        return digest_of(sorted(said, key=lambda pair: str(pair[0]))).hex()[:16]


def opened(path: str | Path, name: str = "", *, live: bool = False) -> TeamFile:
    """A team file, with everything in it read; what it names in Python is imported only if `live`.

    Raises:
        BadFile: if it cannot be read at all.
    """
    files = Files(live=live)
    document = files.open(Path(path), _label(Path(path)))
    actor = document.actor(name)
    list(document.everything())
    return TeamFile(document, files, actor, name)


def load(path: str | Path, name: str = "") -> Actor:
    """The actor that a team file is, or the one of that name in it, ready to run.

    What its `tools:`, `registry:` and `python:` entries name is imported now. The versions of its manifest
    have the digest of the file beside those of its actors.

    Raises:
        BadFile: with every mistake in the file, each with its line.
    """
    found = opened(path, name, live=True)
    actor = found.actor
    actor.versions = {**manifest(actor), Path(path).name: found.digest}
    return actor


def _label(path: Path) -> str:
    """What a file is called in messages: from where we are, if it lies below that."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_absolute() and path.is_relative_to(here) else str(path)
