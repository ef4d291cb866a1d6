"""Files of this machine: no client has any of them read or written, but below the folders that the service allows."""

from __future__ import annotations

import asyncio

import pytest

from coterie.doors.http.folders import Folders
from coterie.doors.http.library import Library
from coterie.doors.teams import options_of
from coterie.errors import BadInput
from coterie.teams import READY
from coterie.teams.option import PLACES
from coterie.teams.outbox import items
from tests.http.serving import served, service_at

SECRET = "the launch code is 0451"  # noqa: S105 - a test's


@pytest.fixture
def ground(tmp_path):
    """A folder that is allowed, another that is not, and every way from one to the other."""
    allowed, beside = tmp_path / "allowed", tmp_path / "allowed-not"
    (allowed / "docs").mkdir(parents=True)
    (allowed / "docs" / "tides.md").write_text("# Tides\n\nTides follow the moon.\n")
    (allowed / ".env").write_text(SECRET)
    (allowed / "tls.key").write_text(SECRET)
    beside.mkdir()
    (beside / "secret.md").write_text(SECRET)
    (allowed / "link").symlink_to(beside)
    (allowed / "file.md").symlink_to(beside / "secret.md")
    (allowed / "circle").symlink_to(allowed / "circle")
    return allowed


def test_every_option_that_names_a_place_says_so():
    """What a team is told, of every ready-made one, is a place, a number or a flag: no text, which may be anything."""
    kinds = {(team, one.name): one.kind for team in READY for one in options_of(team)}
    assert {name: kind for name, kind in kinds.items() if kind not in (*PLACES, "number", "flag")} == {}


WAYS_OUT = (
    "..",
    "../allowed-not",
    "docs/../../allowed-not/secret.md",
    "/etc",
    "/etc/passwd",
    "link",
    "link/secret.md",
    "link/../../allowed-not",
    "file.md",
    "circle",
    ".env",
    "./.env",
    "tls.key",
    "~",
    "docs\0/x",
    "",
    7,
    ["docs"],
    None,
)


@pytest.mark.parametrize("given", WAYS_OUT, ids=repr)
def test_no_way_leads_out_of_a_folder(ground, given):
    """By name, by two dots, by a link, into what is hidden, or by what is no path."""
    place = Folders([ground]).place(given)
    assert place in (None, str(ground / "~"))  # a plain name here


@pytest.mark.parametrize("given", ["docs", "./docs", "docs/../docs", "docs/tides.md", "new/out"])
def test_what_is_below_a_folder_may_be_named(ground, given):
    """Whether it is there or is to be; the run has it with every link followed."""
    folders = Folders([ground, ground.parent / "allowed-not"])
    assert folders.place(given) == folders.place(str(ground / given)) == str((ground / given).resolve())
    assert folders.place("link/secret.md") == str(ground.parent / "allowed-not" / "secret.md")


@pytest.mark.parametrize("team", READY)
def test_a_service_that_allows_nothing_is_told_of_no_place(tmp_path, team):
    """Every option of every ready-made team that names one, whatever it names."""
    library = Library([team])
    for option in library.offers[team].options:
        if option.is_place:
            with pytest.raises(BadInput, match=f"is not told {option.name!r} here"):
                library.origin(team, {option.name: str(tmp_path)}, None)


def answered(tmp_path, library, *asked):
    """The status and the words of what a service says to requests."""

    async def performed():
        service = service_at(tmp_path)
        service.library = library
        async with served(service) as http:
            answers = [await http.post(path, **body) for path, body in asked]
            return [(one.status_code, one.text) for one in answers]

    return asyncio.run(performed())


def test_a_client_reads_only_what_is_allowed(tmp_path, ground):
    """As a run, a schedule, a form and a document: refused, and what is refused says nothing of what is there."""

    def ways(place):
        options = {"brief": place}
        document = {"team": {"use": "decision", "options": options}}
        form = {"headers": {"accept": "text/html"}, "data": {"task": "x", "option.brief": place}}
        return (
            ("/v1/runs", {"json": {"team": "decision", "task": "x", "options": options}}),
            (
                "/v1/schedules",
                {"json": {"name": "a", "cron": "@daily", "team": "decision", "options": options}},
            ),
            ("/v1/teams", {"json": {"name": "t", "document": document}}),
            ("/teams/decision/start", form),
        )

    library = Library(["decision"], folders=[ground])
    there = answered(tmp_path, library, *ways("file.md"))
    missing = answered(tmp_path, library, *ways("../allowed-not/nothing.md"))
    assert [status for status, _ in there] == [status for status, _ in missing] == [422] * 4
    assert all("in no folder that clients may name" in text for _, text in (*there, *missing))


def test_a_link_in_an_allowed_feed_is_not_followed(ground):
    """What an allowed folder links to elsewhere is not there."""
    feed = ground / "feed"
    feed.mkdir()
    (feed / "a.txt").write_text("rain")
    (feed / "b.txt").symlink_to(ground.parent / "allowed-not" / "secret.md")
    (feed / "c.txt").symlink_to(feed / "a.txt")
    assert [item.text for item in items.function(str(feed))] == ["rain", "rain"]


@pytest.mark.parametrize(
    "model",
    ["openai:m@http://169.254.169.254/v1", "embedded:/etc/passwd", "embedded:secret.gguf"],
)
def test_no_client_says_where_a_model_is(tmp_path, model):
    """An address would be sent the service's key, and a file is of this machine; unless that very name is offered."""
    library = Library(["decision"])
    with pytest.raises(BadInput, match="no model"):
        library.origin("decision", {}, model)
    assert Library(["decision"], models=[model]).origin("decision", {}, model)["model"] == model
    assert library.origin("decision", {}, "openai:gpt-5-mini")["model"] == "openai:gpt-5-mini"
