"""Files: what is in the folder can be used, and nothing else can be reached."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from coterie import Agent
from coterie.errors import BadInput, ToolFailed
from coterie.testing import rehearse
from coterie.tools import files, search_text
from coterie.words.message import ToolCall


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.joinpath("sub").mkdir(parents=True)
    folder.joinpath("a.txt").write_text("one\ntwo\nThree\n")
    folder.joinpath("sub/b.md").write_text("# Two\nand three\n")
    tmp_path.joinpath("outside.txt").write_text("s3cret")
    return folder


def use(root: Path, name: str, *args, **options):
    """What a tool gives, or the error that a model reads."""
    tools = {tool.name: tool for tool in files(root, **options)}
    try:
        return tools[name](*args)
    except ToolFailed as error:
        return f"error: {error}"


def test_read_list_search_write_edit(root: Path) -> None:
    """What a model does with a folder, and what it is told."""
    assert use(root, "read_file", "a.txt") == "one\ntwo\nThree\n"
    assert use(root, "read_file", "a.txt", 2, 1) == "two\n[lines 2 to 2 of 3]"
    assert use(root, "list_files") == "a.txt (14)\nsub/b.md (16)"
    assert use(root, "list_files", "", "*.md") == "sub/b.md (16)"
    assert use(root, "search_files", "THREE") == "a.txt:3: Three\nsub/b.md:2: and three"
    assert use(root, "write_file", "new/deep/c.txt", "é") == "wrote 2 bytes to new/deep/c.txt"
    assert use(root, "edit_file", "a.txt", "two", "2") == "wrote 12 bytes to a.txt"
    assert root.joinpath("a.txt").read_text() == "one\n2\nThree\n"
    assert use(root, "edit_file", "a.txt", "e", "x").startswith(
        "error: 'a.txt': the old piece is there 3 times"
    )


WAYS_OUT = [
    "../outside.txt",
    "sub/../../outside.txt",
    "/etc/passwd",
    "~/x",
    "link",
    "door/outside.txt",
    "sub/..",
    "a\0b",
    "..\\x",
]


@pytest.mark.parametrize("path", WAYS_OUT)
@pytest.mark.parametrize(
    ("tool", "more"), [("read_file", ()), ("write_file", ("x",)), ("edit_file", ("s3", "x"))]
)
def test_no_path_leads_out(root: Path, path: str, tool: str, more: tuple[str, ...]) -> None:
    """Not by dots, not by links, not from the top: an error, and nothing outside is touched."""
    root.joinpath("link").symlink_to("../outside.txt")
    root.joinpath("door").symlink_to("..")
    assert use(root, tool, path, *more).startswith("error:")
    assert root.parent.joinpath("outside.txt").read_text() == "s3cret"
    assert sorted(one.name for one in root.parent.iterdir()) == ["outside.txt", "root"]


def test_links_are_neither_listed_nor_searched(root: Path) -> None:
    """What a link leads to is not in the folder."""
    root.joinpath("link").symlink_to("../outside.txt")
    root.joinpath("door").symlink_to("..")
    assert use(root, "list_files") == "a.txt (14)\nsub/b.md (16)"
    assert use(root, "search_files", "s3cret") == "no line has 's3cret'"
    assert use(root, "list_files", "door").startswith("error:")


def test_special_files_do_not_hang_or_answer(root: Path) -> None:
    """Pipes, sockets and folders are no plain files, to be read or to be replaced."""
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "sock"))
        for name in ("pipe", "sock", "sub"):
            assert use(root, "read_file", name).startswith("error:")
            assert use(root, "write_file", name, "x").startswith("error:")
    assert root.joinpath("pipe").is_fifo()


@pytest.mark.parametrize(
    "name", [".env", ".ENV", ".git/config", ".Git/config", "id_rsa", "server.PEM", "sub/.ssh/key"]
)
def test_secrets_are_not_there(root: Path, name: str) -> None:
    """Names that usually hold secrets can be neither read nor written, in any case of letters."""
    root.joinpath(name).parent.mkdir(exist_ok=True)
    root.joinpath(name).write_text("s3cret")
    assert "is kept from tools" in use(root, "read_file", name)
    assert "is kept from tools" in use(root, "write_file", name, "x")
    assert "s3cret" not in use(root, "search_files", "s3cret").replace("'s3cret'", "")
    assert use(root, "read_file", name, 1, 9, deny=()) == "s3cret"


def test_names_that_differ_in_case_alone(root: Path) -> None:
    """On some disks they are one file: writing the second is refused on all."""
    assert (
        use(root, "write_file", "A.TXT", "x")
        == "error: 'A.TXT': there is 'a.txt' already, which differs in case alone"
    )


def test_sizes_are_limited(root: Path) -> None:
    """What is too large is neither read, searched nor written; long files come in parts."""
    root.joinpath("big").write_text("x" * 200)
    assert use(root, "read_file", "big", largest=100) == "error: 'big' has 200 bytes, and 100 can be read"
    assert use(root, "search_files", "xx", largest=100) == "no line has 'xx'"
    assert use(root, "write_file", "c", "x" * 200, largest=100).startswith("error: 'c': 200 bytes")
    root.joinpath("long").write_text("y\n" * 3000)
    assert use(root, "read_file", "long").endswith("[lines 1 to 2000 of 3000]")


def test_a_write_is_whole_or_not_at_all(root: Path) -> None:
    """Readers see the old text or the new one, never a part; permissions stay; nothing is left beside it."""
    root.joinpath("a.txt").chmod(0o640)
    write = next(tool for tool in files(root) if tool.name == "write_file")
    texts, seen = {"x" * 100_000, "y" * 100_000}, set()
    write("a.txt", "x" * 100_000)
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            seen.add(root.joinpath("a.txt").read_text())

    reader = threading.Thread(target=look)
    reader.start()
    for text in sorted(texts) * 10:
        write("a.txt", text)
    over.set()
    reader.join()
    assert seen <= texts
    assert root.joinpath("a.txt").stat().st_mode & 0o777 == 0o640
    assert sorted(one.name for one in root.iterdir()) == ["a.txt", "sub"]


def test_a_folder_that_is_renamed_under_way_leads_nowhere(root: Path) -> None:
    """Swapping a folder for a link while it is read gives an error or the file, never what is outside."""
    root.parent.joinpath("b.md").write_text("s3cret")
    read = next(tool for tool in files(root) if tool.name == "read_file")
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            root.joinpath("sub").rename(root / "kept")
            root.joinpath("sub").symlink_to("..")
            root.joinpath("sub").unlink()
            root.joinpath("kept").rename(root / "sub")

    swapper = threading.Thread(target=swap)
    swapper.start()
    seen = set()
    for _ in range(300):
        try:
            seen.add(read("sub/b.md"))
        except ToolFailed:
            continue
    over.set()
    swapper.join()
    assert seen <= {"# Two\nand three\n"}


def test_without_writing(root: Path) -> None:
    """A set that is not writable has nothing that writes, and tags tell the two apart."""
    assert [tool.name for tool in files(root, writable=False)] == ["read_file", "list_files", "search_files"]
    assert {tool.name for tool in files(root) if "write" in tool.tags} == {"write_file", "edit_file"}


@pytest.mark.parametrize("name", ["missing", "sub/missing", "missing/x", "", "."])
def test_what_is_not_there(root: Path, name: str) -> None:
    """A path that leads to no file is an error that says which."""
    assert use(root, "read_file", name).startswith(f"error: {name!r}")


def test_bytes_are_no_text(root: Path) -> None:
    """A file that is no text is said to be none, and is passed over by searches."""
    root.joinpath("blob").write_bytes(b"\xff\0x")
    assert use(root, "read_file", "blob") == "error: 'blob' is no text in UTF-8"
    assert use(root, "search_files", "x") == "no line has 'x'"


def test_a_root_has_to_be_a_folder(root: Path) -> None:
    """A mistake of whoever builds the team is told at once."""
    with pytest.raises(BadInput, match="there is no folder"):
        files(root / "a.txt")


def test_a_model_uses_them(root: Path) -> None:
    """An agent reads a file, and gets an error for a path that leads out."""
    calls = (
        ToolCall("1", "read_file", {"path": "a.txt"}),
        ToolCall("2", "read_file", {"path": "../outside.txt"}),
    )
    from coterie import Message

    line = [Message(sender="a", calls=calls), "done"]
    _, asked = rehearse(Agent("a", tools=files(root)), "go", line)
    told = [message.text for message in asked[1].thread if message.answers]
    assert told == ["one\ntwo\nThree\n", "error: '../outside.txt' leads out of the folder"]


def test_text_search_ranks_what_fits(root: Path) -> None:
    """The passage with the rarer words comes first, with its source and line."""
    tool = search_text({"x": "Cats sleep.\n\nDogs chase cats and cats.\n", "y": "Dogs sleep in the shade."})
    assert [(one.source, one.line) for one in tool("chase cats")] == [("x", 3), ("x", 1)]
    assert tool("nothing") == []
    assert len(tool("dogs sleep", 1)) == 1
    assert search_text(root)("three")[0].source in ("a.txt", "sub/b.md")
