"""Documents of somebody who is not trusted: what they may name, and what they may not."""

from __future__ import annotations

import pytest

from coterie import Agent, tool
from coterie.models import scripted
from coterie.team import manifest
from coterie.teamfile import BadFile
from coterie.teamfile.closed import Offered, Written, missing, read
from coterie.teamfile.forms import pattern_forms
from tests.teamfile.pairs import AGENTS, PAIRS

ADA = {"agents": {"ada": "You are Ada."}}


REGULAR = {name for name, (said, _) in PAIRS.items() if "matches: " in said}
"""Patterns whose example has a regular expression, which no document has."""


@tool
def clock() -> str:
    """What the time is."""
    return "noon"


def built(document, members=None, **offered):
    return read(Written(document=document, members=members or {}), Offered(**offered)).actor


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"team": {"python": "os:system"}}, "is code"),
        ({"registry": "os:environ", **ADA}, "is code"),
        ({"agents": {"a": {"tools": ["os:system"]}}}, "is code"),
        ({"agents": {"a": {"tools": ["os.system"]}}}, "is code"),
        ({"agents": {"a": {"output": "os:stat_result"}}}, "is code"),
        ({"agents": {"a": {"done_when": {"python": "os:system"}}}}, "is code"),
        ({"agents": {"a": {"tools": ["nothing"]}}}, "no tool 'nothing' is offered; there are clock"),
        (
            {"agents": {"a": {"model": "openai:gpt-5"}}},
            "no model 'openai:gpt-5' is offered; there are embedded",
        ),
        ({"model": "openai:gpt-5", **ADA}, "no model 'openai:gpt-5' is offered"),
        ({"agents": {"a": {"settings": {"extra_headers": {}}}}}, "have no 'extra_headers'"),
        ({"team": {"use": "team.yaml"}}, "names no files"),
        ({"team": {"use": "/etc/passwd.yaml"}}, "names no files"),
        ({"team": {"use": "https://x.example/team.yaml"}}, "no ready-made team"),
        ({"team": {"use": "research", "options": {"folder": "/etc"}}}, "no ready-made team 'research'"),
        ({"agents": {"a": {"done_when": {"matches": "(a+)+b"}}}}, "`matches` is not for documents"),
        (
            {"agents": {"a": {"output": {"type": "string", "pattern": "(a+)+b"}}}},
            "`pattern` is not for documents",
        ),
        (
            {"agents": {"a": {"done_when": {"schema": {"pattern": "(a+)+b", "type": "string"}}}}},
            "`pattern` is not for documents",
        ),
        ("team: !!python/object:os.system", "tag"),
        ("a: [1", "not YAML"),
        ({"team": {"parallel": ["ada", "nobody"]}, **ADA}, "member 'nobody' is not defined"),
        ([1], "a team file is a mapping"),
    ],
)
def test_a_document_names_nothing_of_the_machine(document, said):
    """No code, file, address, regular expression, nor a tool or model that is not offered."""
    with pytest.raises(BadFile, match=said):
        built(document, tools={"clock": clock}, models=["embedded"])


def test_what_is_offered_can_be_named():
    """Tools and models by name, and offered actors by theirs."""
    document = {
        "agents": {"ada": {"tools": ["clock"], "model": "embedded", "settings": {"temperature": 0}}},
        "team": {"parallel": ["ada", "eve"]},
    }
    eve = Agent("eve")
    team = built(
        document,
        tools={"clock": clock},
        models=["embedded"],
        actor=lambda name, _: eve if name == "eve" else None,
    )
    ada, other = team.members
    assert (list(ada.tools), ada.model_name, other is eve) == (["clock"], "embedded", True)
    said = team.run_sync("Hi", model=scripted(["one", "two"]), models={"embedded": scripted(["a"])})
    assert said.status == "succeeded"


def test_members_are_brought_along():
    """What a document names and somebody else wrote is asked for, until all of it is there."""
    document = {"team": {"pipeline": ["first", "second"]}}
    first = {"agents": {"first": "One."}}
    second = {"team": {"parallel": ["first", "third"], "name": "second"}}
    third = {"agents": {"third": "Three."}}
    offered = Offered()
    assert missing(Written(document=document), offered) == {"first", "second"}
    partly = Written(document=document, members={"first": first, "second": second})
    assert missing(partly, offered) == {"third"}
    team = built(document, {"first": first, "second": second, "third": third})
    assert [one.name for one in team.members] == ["first", "second"]
    assert team.members[1].members[0] is team.members[0]


def test_documents_that_name_each_other_are_refused():
    """With the circle."""
    members = {name: {"team": {"pipeline": [other]}} for name, other in (("a", "b"), ("b", "a"))}
    with pytest.raises(BadFile, match="a team cannot be in itself: a -> b -> a"):
        built({"team": {"pipeline": ["a"]}}, members)


@pytest.mark.parametrize("name", PAIRS)
def test_every_pattern_can_be_written(name):
    """Each of the table, with its options, is the same team as from a file that is trusted."""
    said, expected = PAIRS[name]
    team = built(f"{AGENTS}team: {{{said.replace('matches: ', 'equals: ')}}}")
    same = name in REGULAR or manifest(team) == manifest(expected)
    assert (name in pattern_forms(), team.pattern, same) == (True, expected.pattern, True)
