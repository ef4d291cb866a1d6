"""Toolsets: filtered, prefixed, renamed, combined; and the registry that hands them out."""

from __future__ import annotations

import pytest

from coterie import Agent, tool
from coterie.errors import BadInput
from coterie.testing import rehearse
from coterie.tools import Registry, approved, combined, filtered, prefixed, renamed
from coterie.words.message import ToolCall


@tool(tags=["web"], owner="ada", idempotent=True)
def get(url: str) -> str:
    """Get a page."""
    return f"page {url}"


@tool(tags=["web", "outward"], sensitive=True, needs_approval=True)
def post(url: str) -> str:
    """Post to a page."""
    return f"posted {url}"


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


EVERY = (get, post, add)


def names(tools) -> list[str]:
    return [one.name for one in tools]


def test_filtered_by_name_glob_and_tag() -> None:
    """What fits a pattern is kept, in its order; what fits `deny` is not."""
    assert names(filtered(EVERY, "get", "a*")) == ["get", "add"]
    assert names(filtered(EVERY, "#web")) == ["get", "post"]
    assert names(filtered(EVERY, deny=["#outward"])) == ["get", "add"]
    assert names(filtered(EVERY)) == ["get", "post", "add"]


def test_a_renamed_tool_is_the_same_under_another_name() -> None:
    """A model sees and calls the new name; the promises stay; the original is unchanged."""
    (web_get,) = prefixed("web_", [get])
    assert (web_get.name, web_get.spec.name, web_get.idempotent, web_get.owner) == (
        "web_get",
        "web_get",
        True,
        "ada",
    )
    assert get.name == "get"
    said, _ = rehearse(Agent("a", tools=[web_get]), "go", [ToolCall("1", "web_get", {"url": "u"}), "done"])
    assert said.text == "done"
    assert names(renamed(EVERY, {"get": "fetch"})) == ["fetch", "post", "add"]


def test_approval_is_put_on_some() -> None:
    """Those that fit need it then; the others are as they were."""
    assert [bool(one.needs_approval) for one in approved(EVERY, "add")] == [False, True, True]
    assert [bool(one.needs_approval) for one in approved(EVERY)] == [True, True, True]


@pytest.mark.parametrize(
    "make",
    [
        lambda: combined(EVERY, [get]),
        lambda: renamed(EVERY, {"get": "post"}),
        lambda: renamed(EVERY, {"put": "post"}),
        lambda: combined(["get"]),
        lambda: get.but(colour="x"),
        lambda: Registry(EVERY)["put"],
        lambda: Registry(EVERY, permissions={"a": ["put"]}),
        lambda: Registry(EVERY, [get]),
    ],
)
def test_mistakes_are_told_at_the_door(make) -> None:
    """Names that are there twice, or not at all, are errors when the set is made."""
    with pytest.raises(BadInput):
        make()


def test_a_registry_gives_each_agent_what_is_permitted_and_no_more() -> None:
    """Permissions are patterns of tools by pattern of agents; who is not named gets nothing."""
    registry = Registry(EVERY, permissions={"clerk*": ["#web"], "*": ["add"], "nobody": []})
    assert names(registry.tools("clerk-1")) == ["get", "post", "add"]
    assert names(registry.tools("guest")) == ["add"]
    assert Registry(EVERY).tools("guest") == ()
    assert (len(registry), "get" in registry, registry["get"] is get) == (3, True, True)


def test_a_registry_describes_what_it_holds() -> None:
    """Names, descriptions, tags, owners, who may have them, and what they promise."""
    add_, get_, post_ = Registry(EVERY, permissions={"a": ["#web"], "b": ["get"]}).describe()
    assert (add_.description, add_.agents) == ("Add two numbers.", ())
    assert (get_.owner, get_.tags, get_.agents, get_.idempotent) == ("ada", ("web",), ("a", "b"), True)
    assert (post_.sensitive, post_.needs_approval, post_.probed, post_.agents) == (True, True, False, ("a",))


def test_registries_share_nothing() -> None:
    """Two registries are two values, and importing registers nothing."""
    assert [len(Registry()), len(Registry(EVERY)), len(Registry())] == [0, 3, 0]
