"""What a team file names in Python: imported when a team is built to be run, and only looked for when it is not.

A reference is `module:name`, `package.module.name`, or `FILE.py:name` with the file beside the team file.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
import traceback
from functools import lru_cache
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from coterie.errors import BadInput, MissingExtra
from coterie.teamfile.toolsource import declared


class Imports:
    """Finds what is named in one folder; unless `live`, without running anything."""

    def __init__(self, folder: Path, *, live: bool) -> None:
        self.folder = folder
        self.live = live

    def get(self, reference: str) -> Any:
        """What a reference names; a stand-in for it, where nothing may be run.

        Raises:
            BadInput: if there is no such thing.
        """
        place, name = split(reference)
        if not self.live:
            self._look(place, name, reference)
            return stand_in(name)
        file = place.endswith(".py")
        found: Any = module_in(self.folder / place) if file else module_called(place, self.folder)
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is None:
            raise BadInput(f"{reference!r}: {place!r} has no {name!r}")
        return found

    def tool_at(self, reference: str) -> Any:
        """As `get`, of a tool: where nothing may be run, what stands for it is as sensitive as its source says.

        Raises:
            BadInput: if there is no such thing.
        """
        found = self.get(reference)
        if self.live:
            return found
        place, name = split(reference)
        return declared(found, self._source(place), name, lambda module: source_of(module, self.folder))

    def _source(self, place: str) -> Path | None:
        return self.folder / place if place.endswith(".py") else source_of(place, self.folder)

    def _look(self, place: str, name: str, reference: str) -> None:
        """See that the source says something called that, as far as the source can be found and read."""
        path = self._source(place)
        if path is None:
            return
        if not path.is_file():
            raise BadInput(f"{reference!r}: there is no {place!r}")
        said = _names(path)
        if said is not None and name.partition(".")[0] not in said:
            raise BadInput(f"{reference!r}: {place!r} has no {name!r}")


def split(reference: str) -> tuple[str, str]:
    """Where a reference points, and what is meant there.

    Raises:
        BadInput: if it is none.
    """
    place, _, name = reference.rpartition(":" if ":" in reference else ".")
    if not place or not name:
        raise BadInput(f"{reference!r} names nothing in Python: say module:name, or FILE.py:name")
    return place, name


def stand_in(name: str) -> Any:
    """What stands for something that must not be imported."""

    def unseen() -> None:
        raise AssertionError(f"{name} was only looked for")

    unseen.__name__ = unseen.__qualname__ = name.rpartition(".")[2]
    return unseen


def source_of(module: str, folder: Path) -> Path | None:
    """The source of a module, found without importing its packages; None where it has none to read.

    Raises:
        BadInput: if there is no such module.
    """
    path: list[str] | None = [str(folder), *sys.path]
    spec = None
    names = module.split(".")
    for n in range(len(names)):
        spec = PathFinder.find_spec(".".join(names[: n + 1]), path)
        if spec is None and module in sys.builtin_module_names:
            return None
        if spec is None:
            raise BadInput(f"there is no module {module!r}")
        path = list(spec.submodule_search_locations or ())
    origin = spec.origin if spec is not None else None
    return Path(origin) if origin and origin.endswith(".py") else None


def _names(path: Path) -> set[str] | None:
    """What a module's source binds; None if it cannot be told, as where it imports everything of another."""
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError as error:
        raise BadInput(f"{str(path)!r} cannot be run: SyntaxError: {error}") from error
    found: set[str] = set()
    for one in ast.walk(tree):
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(one.name)
        elif isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store):
            found.add(one.id)
        elif isinstance(one, (ast.Import, ast.ImportFrom)):
            found |= {(name.asname or name.name).partition(".")[0] for name in one.names}
    return None if "*" in found or "__getattr__" in found else found


def module_in(path: Path) -> ModuleType:
    """The module in a file; its neighbours can be imported by it, as if Python had been given the file.

    Raises:
        BadInput: if there is no such file, or it cannot be run.
    """
    if not path.is_file():
        raise BadInput(f"there is no file {str(path)!r}: check the path")
    path = path.resolve()
    # Called `team.py`, it takes no real module's place, and its plays have one name wherever it lies.
    spec = importlib.util.spec_from_file_location(path.name, path, loader=_Loader(path.name, str(path)))
    if spec is None or spec.loader is None:
        raise BadInput(f"{str(path)!r} cannot be run as Python")
    module = importlib.util.module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    sys.modules[path.name] = module  # annotations are looked up there
    try:
        spec.loader.exec_module(module)
    except MissingExtra:
        raise
    except Exception as error:  # a file of the user's may raise anything
        raise BadInput(f"{str(path)!r} cannot be run: {_where(error, str(path))}") from error
    return module


class _Loader(SourceFileLoader):
    """Runs a file anew each time, and compiles it only when it has changed."""

    def get_code(self, fullname: str) -> CodeType | None:
        now = Path(self.path).stat()
        return _compiled(self, now.st_mtime_ns, now.st_size)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Loader) and (other.name, other.path) == (self.name, self.path)

    def __hash__(self) -> int:
        return hash((self.name, self.path))


@lru_cache(maxsize=64)
def _compiled(loader: _Loader, changed: int, size: int, /) -> CodeType:  # noqa: ARG001 - when it was that
    return loader.source_to_code(loader.get_data(loader.path), loader.path)


def module_called(name: str, folder: Path | None = None) -> ModuleType:
    """The module of that name, looked for in `folder` (default: where we are) too.

    Raises:
        BadInput: if it cannot be imported.
    """
    beside = "" if folder is None else str(folder)
    if beside not in sys.path:
        sys.path.insert(0, beside)
    try:
        return importlib.import_module(name)
    except MissingExtra:
        raise
    except Exception as error:  # a module of the user's may raise anything
        raise BadInput(f"the module {name!r} cannot be imported: {_where(error, name)}") from error


def _where(error: Exception, path: str) -> str:
    """What was raised and in which line of the user's file, on one line."""
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return said
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return f"{said} (line {lines[-1]})" if lines else said
