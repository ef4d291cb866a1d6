"""HTML as values: elements that escape whatever is put into them, so that no text of a run can become markup."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TypeAlias

VOID = {"br", "hr", "img", "input", "link", "meta"}
"""Elements that have no end."""


class Html(str):
    """Text that is markup already: made by `el`, and by nothing that a run says."""

    __slots__ = ()


Child: TypeAlias = "Html | str | int | float | Iterable[Child] | None"
Attribute: TypeAlias = "str | int | float | bool | None"


def el(tag: str, *children: Child, **attributes: Attribute) -> Html:
    """An element. Children that are no `Html` are escaped; attributes that are None or False are left out.

    `class_` is the attribute `class`, and `data_x` is `data-x`.
    """
    head = "".join(_attribute(name, value) for name, value in attributes.items())
    if tag in VOID:
        return Html(f"<{tag}{head}>")
    return Html(f"<{tag}{head}>{both(*children)}</{tag}>")


def both(*children: Child) -> Html:
    """Elements and texts, one after the other."""
    return Html("".join(map(_child, children)))


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, (str, int, float)):
        return escape(str(child))
    return both(*child)


def _attribute(name: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    called = name.rstrip("_").replace("_", "-")
    return f" {called}" if value is True else f' {called}="{escape(str(value))}"'
