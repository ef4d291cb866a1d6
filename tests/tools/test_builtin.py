"""The calculator, SQL and HTTP tools: what they do, and all that they refuse."""

from __future__ import annotations

import asyncio
import http.server
import math
import socket
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from coterie.errors import BadInput, ToolFailed
from coterie.tools import calculator, sql
from coterie.tools import http as web


def told(tool, *args) -> Any:
    """What a tool gives, or the error that a model reads."""
    try:
        return tool(*args)
    except ToolFailed as error:
        return f"error: {error}"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2 * (3 + 4) - -1", 15),
        ("2^10 + 7 // 2 + 7 % 4", 1030),
        ("sqrt(16) + hypot(3, 4)", 9.0),
        ("round(sin(pi / 6), 3) + max(1, 2)", 2.5),
        ("factorial(20)", math.factorial(20)),
    ],
)
def test_arithmetic(expression: str, value: float) -> None:
    """It is worked out as one would by hand."""
    assert calculator(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os')", "(1).__class__", "[1][0]", "lambda: 1", "x", "'a' * 3", "print(1)", "1 if 1 else 2",
        "9**9**9", "9**99999", "2 << 10", "factorial(10**6)", "1e308 * 10", "1 / 0", "(-1) ** 0.5", "sqrt(-1)",
        "1 +", "", "(" * 300 + ")" * 300, "1+" * 300 + "1", "True", "max()", "round(1, n=2)", "10**4000 % 7 * 1j",
    ],
)  # fmt: skip
def test_what_is_no_arithmetic_is_refused_at_once(expression: str) -> None:
    """No names, no attributes, no strings, and no number too large: an error within a moment."""
    began = time.monotonic()
    assert told(calculator, expression).startswith("error:")
    assert time.monotonic() - began < 0.5


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as db:
        db.execute("create table sales (city text, amount real)")
        db.executemany("insert into sales values (?, ?)", [("Oslo", 3), ("Rome", 4), ("Oslo", 5)])
    db.close()
    return path


def test_questions_to_a_database(shop: Path) -> None:
    """Columns and rows come back, parameters stand for question marks, and the tables can be seen."""
    ask, tables = sql(shop)
    assert ask("select city, sum(amount) as total from sales group by city") == {
        "columns": ["city", "total"],
        "rows": [["Oslo", 8.0], ["Rome", 4.0]],
        "more": False,
    }
    assert ask("select count(*) from sales where city = ?", ["Oslo"])["rows"] == [[2]]
    counting = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3) select i from n"
    assert ask(counting)["rows"] == [[1], [2], [3]]
    assert tables() == "CREATE TABLE sales (city text, amount real)"


@pytest.mark.parametrize(
    "query",
    [
        "insert into sales values ('x', 1)", "update sales set amount = 0", "delete from sales", "drop table sales",
        "create table t (a)", "create temp table t (a)", "attach 'other.db' as o", "pragma journal_mode = delete",
        "vacuum into 'copy.db'", "select load_extension('x')", "select writefile('x', 'y')", "begin",
        "select 1; select 2", "select zeroblob(100000000)", "not sql", "", "select * from nothing",
    ],
)  # fmt: skip
def test_nothing_but_reading(shop: Path, query: str) -> None:
    """What would change the file, or reach another, is refused, and the file is as it was."""
    before = shop.read_bytes()
    answer = told(sql(shop)[0], query)
    assert (
        answer == {"columns": [], "rows": [], "more": False}
        if query == ""
        else answer.startswith("error: sql:")
    )
    assert shop.read_bytes() == before
    assert [path.name for path in shop.parent.iterdir()] == ["shop.db"]


def test_endless_and_large_questions_end(shop: Path) -> None:
    """Time, rows and letters are limited, and the answer says where there was more."""
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select "
    began = time.monotonic()
    assert told(sql(shop, seconds=0.2)[0], endless + "count(*) from n") == (
        "error: sql: the question took longer than 0.2 s"
    )
    assert time.monotonic() - began < 5
    many = sql(shop, rows=3)[0](endless + "i from n")
    assert (many["rows"], many["more"]) == ([[1], [2], [3]], True)
    assert sql(shop, largest=1000)[0](endless + "printf('%300d', i) from n")["more"] is True


def test_a_database_has_to_be_there(tmp_path: Path) -> None:
    """A file that is not there is not made."""
    with pytest.raises(BadInput, match="there is no file"):
        sql(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/", "http://127.0.0.1/", "http://[::1]/", "http://2130706433/", "http://0x7f.1/", "x",
        "http://169.254.169.254/latest/meta-data", "http://user:pw@example.org/", "ftp://example.org/",
        "file:///etc/passwd", "http://example.org:22/", "http:///x", "http://127.0.0.1:99999/",
    ],
)  # fmt: skip
def test_what_no_url_reaches(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine and its networks, however written, other protocols, other ports, and passwords in URLs."""

    def resolve(host: str, port: int, **kwargs):
        address = {"localhost": "127.0.0.1"}.get(host) or (
            host if ":" in host else socket.inet_ntoa(socket.inet_aton(host))
        )
        return [(0, 0, 0, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert told(web(), url).startswith("error: http:")


class Pages(http.server.BaseHTTPRequestHandler):
    """A small site: a page, redirects, something large, and something that never ends."""

    def do_GET(self) -> None:
        if self.path.startswith("/to?"):
            self.send_response(302)
            self.send_header("Location", self.path.partition("?")[2])
            self.end_headers()
        elif self.path == "/drip":
            self.send_response(200)
            self.end_headers()
            try:
                while not self.server.over.wait(0.02):
                    self.wfile.write(b".")
            except OSError:
                return
        else:
            body = {
                "/": b"<title>T</title><p>Hello <b>world</b>.</p><script>no()</script>",
                "/big": b"x" * 5000,
                "/json": b'{"a": 1}',
            }.get(self.path, b"nothing")
            self.send_response(200 if self.path != "/none" else 404)
            self.send_header(
                "Content-Type", "application/json" if self.path == "/json" else "text/html; charset=utf-8"
            )
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *args) -> None:
        pass


@pytest.fixture(scope="module")
def site():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        server.over = threading.Event()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.over.set()
        server.shutdown()
        thread.join()


def test_a_page_comes_as_text(site: str) -> None:
    """HTML as what a person reads of it, all else as it is, with status, type, and the URL in the end."""
    get = web(allow=[site], private=True)
    page = get(f"http://{site}/to?/")
    assert page == {
        "status": 200,
        "url": f"http://{site}/",
        "type": "text/html",
        "text": "T\nHello world.",
        "cut": False,
    }
    assert get(f"http://{site}/json")["text"] == '{"a": 1}'
    assert get(f"http://{site}/none")["status"] == 404


def test_what_is_allowed_is_allowed_alone(site: str) -> None:
    """With an allow-list other hosts and ports are refused, at first and after a redirect."""
    get = web(allow=[site], private=True)
    for url in (
        f"http://localhost:{site[-5:]}/",
        "http://example.org/",
        f"http://{site}/to?http://127.0.0.1:1/",
    ):
        assert "is not on the list" in told(get, url)
    assert "no http or https URL" in told(get, f"http://{site}/to?file:///etc/passwd")
    with pytest.raises(BadInput, match="allow-list"):
        web(private=True)


def test_size_time_and_redirects_are_limited(site: str) -> None:
    """What is too long is cut and said to be; what takes too long ends; a circle of redirects too."""
    get = web(allow=[site], private=True, largest=1000, seconds=0.5)
    big = get(f"http://{site}/big")
    assert (len(big["text"]), big["cut"]) == (1000, True)
    began = time.monotonic()
    assert told(get, f"http://{site}/drip").endswith("it took longer than 0.5 s")
    assert time.monotonic() - began < 5
    assert "more than 5 redirects" in told(get, f"http://{site}/to?" * 8 + "/")


def test_a_name_is_resolved_once(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name whose address changes between the screen and the connection leads to the screened one."""
    asked = []
    public, private = ("192.0.2.1", 0), ("127.0.0.1", 0)

    def resolve(host, port, *args, **kwargs):
        asked.append(host)
        address = (public if len(asked) == 1 else private)[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    connected = []

    def connect(address, timeout):
        connected.append(address)
        raise ConnectionRefusedError("not in a test")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    monkeypatch.setattr("coterie.reach.screen.is_public", lambda address: address == public[0])
    assert "not in a test" in told(web(), "http://rebind.example/")
    assert (asked, connected) == (["rebind.example"], [("192.0.2.1", 80)])


def test_a_redirect_to_a_private_name_is_screened(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every hop goes through the screen, not only the first."""
    screened = []

    def judge(address: str) -> bool:
        screened.append(address)
        return len(screened) == 1

    monkeypatch.setattr("coterie.reach.screen.is_public", judge)
    for module in ("coterie.tools.web", "coterie.reach.screen"):
        monkeypatch.setattr(f"{module}.PORTS", {"http": int(site.rpartition(":")[2]), "https": 443})
    assert "which is no public address" in told(web(), f"http://{site}/to?http://localhost/")
    assert len(screened) == 2


def test_http_runs_beside_the_loop(site: str) -> None:
    """The tool is a plain function, so it runs in a thread and never stalls the loop."""
    assert not web().is_async
    assert (
        asyncio.run(asyncio.to_thread(web(allow=[site], private=True), f"http://{site}/json"))["status"]
        == 200
    )


def test_a_page_of_anywhere_is_sensitive() -> None:
    """A URL can carry off what it is made of; with an allow-list only to hosts that were named."""
    assert (web().sensitive, web(allow=["example.org"]).sensitive) == (True, False)
