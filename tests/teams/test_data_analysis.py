"""The data-analysis team: constrained queries, figures that hold, and charts."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from coterie.errors import BadInput, ToolFailed
from coterie.models import scripted
from coterie.teams.chart import Chart, svg
from coterie.teams.data_analysis import build, conditions
from coterie.teams.table import load, profile, query
from coterie.testing import crash_everywhere

CSV = (
    "day,shop,product,units\n2026-01-05,Mill,bread,3\n2026-01-06,Quay,bread,5\n"
    "2026-02-01,Quay,roll,4\n2026-02-02,Mill,roll,1\n"
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A small table."""
    file = tmp_path / "sales.csv"
    file.write_text(CSV)
    return file


def _script(text: str = "Quay has the highest total units: 9.", by: str = "shop"):
    return {
        "analyst": lambda _: {"by": by, "of": "units", "how": "total"},
        "explainer": lambda _: {"lines": [{"fact": 2, "text": text}]},
    }


def test_a_question_is_answered_from_the_rows(table: Path, tmp_path: Path) -> None:
    """The choice becomes SQL, the rows become facts and a chart, and the report has all of it."""
    result = build(table, tmp_path / "out").run_sync("Which shop sells the most?", model=scripted(_script()))
    assert result.status == "succeeded"
    assert result.text == "The total units is 9 for Quay, 4 for Mill.\nQuay has the highest total units: 9."
    assert result.output.sql == (
        'select "shop" as label, sum("units") as figure from data group by 1 order by 2 desc, 1 limit 20'
    )
    assert result.output.rows.rows == (("Quay", 9), ("Mill", 4))
    assert "![The chart](chart.svg)" in (tmp_path / "out" / "report.md").read_text()


@pytest.mark.parametrize(
    "said", ["Quay has the highest total units: 90.", "Mill has the highest total units: 9.", "9."]
)
def test_what_the_facts_do_not_say_is_replaced_by_the_fact(table: Path, tmp_path: Path, said: str) -> None:
    """Another number, another name or a fragment never reaches the answer."""
    result = build(table, tmp_path / "out").run_sync("Which shop sells most?", model=scripted(_script(said)))
    assert result.text.splitlines()[1] == "Quay has the highest total units: 9."


def test_p15_data_that_changes_under_the_run_is_unverified(table: Path, tmp_path: Path) -> None:
    """The query is made again at the end; other rows mean that the answer is not borne out."""

    def explain(_):
        table.write_text(CSV.replace("Quay,bread,5", "Quay,bread,1"))
        load.function(str(table), str(tmp_path / "out" / "data.db"))
        return {"lines": [{"fact": 1, "text": "x"}]}

    result = build(table, tmp_path / "out").run_sync(
        "Which shop sells the most?", model=scripted({**_script(), "explainer": explain})
    )
    assert (result.status, result.message.unverified) == ("unverified", "the same query gives other rows now")


def test_it_survives_a_crash_anywhere(table: Path, tmp_path: Path) -> None:
    """Cut after any event and resumed, it comes to the same and repeats no settled step."""
    assert (
        crash_everywhere(
            build(table, tmp_path / "out"), "Which shop sells the most?", script=_script()
        ).status
        == "succeeded"
    )


def test_values_that_a_question_names_are_its_conditions(table: Path, tmp_path: Path) -> None:
    """They are found by the words of the table, not by a model."""
    load.function(str(table), str(tmp_path / "t.db"))
    known = profile.function(str(tmp_path / "t.db"))
    assert conditions("How much bread did the Quay sell?", known) == {
        "shop": ("Quay",),
        "product": ("bread",),
    }


@pytest.mark.parametrize(
    "sql",
    [
        "delete from data",
        "insert into data values (1,2,3,4)",
        "attach 'x.db' as y",
        "pragma user_version = 7",
        "select 1; select 2",
    ],
)
def test_a_query_can_only_read(table: Path, tmp_path: Path, sql: str) -> None:
    """Whatever is no single SELECT is refused."""
    load.function(str(table), str(tmp_path / "t.db"))
    with pytest.raises(ToolFailed):
        query.function(str(tmp_path / "t.db"), sql)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "empty"),
        ("a\n1\n", "one column"),
        ("a,b\n1\n", "line 2"),
        ("a,b\n", "no row"),
        ("a,b\0\n", "binary"),
    ],
)
def test_what_is_no_table_is_refused_at_the_door(tmp_path: Path, text: str, what: str) -> None:
    """One message says what is wrong with the file."""
    file = tmp_path / "bad.csv"
    file.write_text(text)
    with pytest.raises(BadInput, match=what):
        build(file, tmp_path / "out")


@pytest.mark.parametrize("kind", ["bar", "line"])
def test_a_chart_is_an_svg_with_every_label_and_value(kind: str) -> None:
    """It is well-formed XML, also with values below zero and letters that XML would mistake."""
    drawn = ET.fromstring(svg(Chart("A & B", ("<one>", "two", "three"), (3.0, -1.5, 1200.0), kind)))  # noqa: S314 - our own
    texts = [node.text for node in drawn.iter() if node.text]
    assert {"<one>", "two", "three", "1,200"} <= set(texts)
    assert (
        len([node for node in drawn.iter() if node.tag.endswith("rect" if kind == "bar" else "circle")]) >= 3
    )
