"""The library of roles: plain data, overridden part by part, and agents made of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from coterie import Agent
from coterie.errors import BadInput
from coterie.models import scripted
from coterie.roles import Role, library, read, role

ROOT = Path(__file__).parents[2]
NAMES = (
    "researcher coder reviewer writer editor analyst planner critic summarizer judge moderator tester architect"
).split()


def test_every_role_of_the_library_says_what_it_does_and_what_it_does_not() -> None:
    """There are thirteen, and none of their four parts is empty."""
    assert list(library()) == NAMES
    assert [
        one.name for one in library().values() if not (one.who and one.does and one.does_not and one.answer)
    ] == []


def test_the_instructions_are_the_parts_in_order() -> None:
    """Who, what it does, what it does not, and how it answers; a part that is missing leaves no trace."""
    whole = Role("cook", "You cook.", ("Salt.", "Stir."), ("Burn.",), "A dish.")
    assert (
        whole.instructions
        == "You cook.\n\nYou:\n- Salt.\n- Stir.\n\nYou do not:\n- Burn.\n\nYour answer: A dish."
    )
    assert Role("cook", "You cook.").instructions == "You cook."


def test_any_part_can_be_overridden() -> None:
    """By name when it is looked up, or later with `replace`; the rest stays."""
    brief = role("reviewer", answer="One word.")
    assert brief == replace(role("reviewer"), answer="One word.")
    assert brief.does == role("reviewer").does
    assert role("reviewer").answer != "One word."


def test_an_agent_is_made_of_a_role_in_one_line() -> None:
    """It is called as the role or otherwise, and takes every option of an agent."""
    agent = role("critic").agent("doubt", turns=2)
    assert (type(agent), agent.name, agent.turns) == (Agent, "doubt", 2)
    said = (
        role("judge").agent().run_sync("A or B?", model=scripted(lambda think: think.brief.instructions[:15]))
    )
    assert said.text == "You are a judge"


def test_a_file_of_ones_own_is_read_the_same_way(tmp_path: Path) -> None:
    """Tables of a TOML file are roles."""
    file = tmp_path / "roles.toml"
    file.write_text('[cook]\nwho = "You cook."\ndoes = ["Salt."]\n')
    assert read(file) == {"cook": Role("cook", "You cook.", ("Salt.",))}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[cook]\nsalts = 1\n", "salts"),
        ("[cook]\ndoes = 'Salt.'\n", "does"),
        ("cook = 1\n", "no table"),
        ("[cook", "cannot be read"),
    ],
)
def test_what_is_no_role_is_one_clear_error(tmp_path: Path, text: str, what: str) -> None:
    """It names the role and what is wrong with it."""
    file = tmp_path / "roles.toml"
    file.write_text(text)
    with pytest.raises(BadInput, match=what):
        read(file)


def test_an_unknown_role_or_part_says_what_there_is() -> None:
    """A misspelt name lists the library; a misspelt part, the parts."""
    with pytest.raises(BadInput, match="researcher, coder"):
        role("nobody")
    with pytest.raises(BadInput, match="does_not"):
        role("reviewer", dose=())


def test_the_page_of_roles_is_true() -> None:
    """docs/roles.md shows every role with the words that its agents are told."""
    page = (ROOT / "docs" / "roles.md").read_text()
    said = [line for one in library().values() for line in one.instructions.splitlines() if line]
    assert [line for line in said if line not in page] == []
