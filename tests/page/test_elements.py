"""HTML as values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coterie.doors.page.elements import Html, both, el


def test_an_element_has_its_children_and_its_attributes():
    """In order; what is None or False is left out."""
    made = el(
        "a", "one ", el("b", 2), None, [" three"], href="/x?a=1&b=2", class_="c", hidden=False, data_at=3
    )
    assert made == '<a href="/x?a=1&amp;b=2" class="c" data-at="3">one <b>2</b> three</a>'


def test_void_elements_have_no_end():
    """As HTML has it."""
    assert el("input", name="x", required=True) == '<input name="x" required>'


@given(st.text(alphabet=st.sampled_from("<>&\"'ab =/")))
def test_no_text_becomes_markup(text):
    """Neither as a child nor as an attribute, whatever it is."""
    made = el("p", text, title=text)
    inner = made.removeprefix('<p title="').removesuffix("</p>")
    assert "<" not in inner
    assert inner.count(">") == 1
    assert inner.count('"') == 1


def test_markup_stays_markup():
    """What `el` made is not escaped again, also between others."""
    assert both(el("i", "x"), "<", Html("<br>")) == "<i>x</i>&lt;<br>"
