"""The page of a replay or a sweep: whole by itself, well formed, and safe with whatever strangers wrote."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from rules.charts import Curve, bars, curves, shades
from rules.knobs import parse_knob
from rules.replay import cells, flips, summary
from rules.sweep import best
from rules.tuning_report import replay_page, sweep_page
from tests.rules.scenarios import line, policy
from tests.rules.test_replay import COMPANY, STRICT, stored, tried
from tests.rules.test_sweep import labelled, swept


def well_formed(page: str) -> ElementTree.Element:
    """The page as a tree; it asks for nothing from elsewhere."""
    assert page.startswith("<!doctype html>")
    tree = ElementTree.fromstring(page.removeprefix("<!doctype html>"))  # noqa: S314 - our own page
    tags = {element.tag for element in tree.iter()}
    assert tags.isdisjoint({"script", "link", "img", "iframe"})
    assert not any("href" in element.attrib or "src" in element.attrib for element in tree.iter())
    return tree


def test_a_replay_s_page_tells_what_moves_and_escapes_every_word() -> None:
    evil = policy('terms.personal = ["hello"]')
    found = tried(stored([line(COMPANY), line("NIP/GTB/SAHELIA PLC/INVOICE")], policy()), evil)
    told = summary(cells(found.lazy()).collect())
    rows = flips(found, evil).to_dicts()
    rows[0]["why"] = "<script>alert(1)</script>"
    page = replay_page(told, rows, None, policy="<b>x</b>", about="all")
    tree = well_formed(page)
    text = "".join(tree.itertext())
    assert "1 of 2 decided lines would flip" in text
    assert "eligible → personal_or_low_confidence/personal_keyword" in text
    assert "No line is labelled here" in text
    assert "<script>alert(1)</script>" in text
    assert "Replay of <b>x</b>" in text


def test_a_replay_s_page_says_what_its_estimate_leaves_out() -> None:
    rows = [line(COMPANY)] * 30 + [line("NIP/UBA/ADA BELLO/gift")] * 7
    labels = {f"tx-{place}": "business" if place % 2 else "personal" for place in range(1, 31)}
    told = summary(cells(tried(stored([dict(row) for row in rows], policy(), **labels), STRICT).lazy()).collect())
    text = "".join(well_formed(replay_page(told, [], None, policy="x", about="all")).itertext())
    assert "precision of all lines, estimated" in text
    assert "7 of 37 lines stand as no labelled line does" in text


def test_a_sweep_of_one_knob_has_curves_and_one_of_two_has_grids() -> None:
    one = labelled(15, 10)
    knobs = [parse_knob("points.minimum=0:100:50")]
    page = sweep_page(one, best(one), knobs, cannot_know=[], in_force={"points.minimum": 50}, about="all")
    tree = well_formed(page)
    assert len(tree.findall(".//svg")) == 3
    assert len(tree.findall(".//polyline")) == 8
    assert "100.00% (79.61% to 100.00%)" in "".join(tree.itertext())
    two = [*knobs, parse_knob("floor.NGN=0:2000:1000")]
    grid = swept([line(COMPANY)], policy(), two)
    page = sweep_page(grid, [], two, cannot_know=["Too few."], in_force={}, about="all")
    tree = well_formed(page)
    assert len(tree.findall(".//rect")) == 3 * 9
    assert "Too few." in "".join(tree.itertext())
    assert "unknown" in "".join(tree.itertext())


@pytest.mark.parametrize(
    "drawn",
    [
        curves("none", [], x_name="x"),
        curves("one point", [Curve("a", [(1.0, 0.5)])], x_name="x", mark=3.0),
        curves("large", [Curve("a", [(0, 0), (2e7, 5e9)])], x_name="x", percent=False),
        bars("none", []),
        bars("zero", [("a & b", 0.0, "<none>")]),
        shades("unknown", [[None]], rows=["r"], columns=["c"]),
        shades(
            "many",
            [[float(row * column) for column in range(200)] for row in range(200)],
            rows=["r"] * 200,
            columns=["c"] * 200,
        ),
    ],
)
def test_every_chart_is_drawn_whatever_the_numbers(drawn: str) -> None:
    tree = ElementTree.fromstring(drawn)  # noqa: S314 - our own chart
    assert tree.tag == "figure"
    assert "NaN" not in drawn
    assert len(tree.findall(".//rect")) <= 60 * 60


def test_a_policy_that_changes_nothing_draws_nothing() -> None:
    found = tried(stored([line(COMPANY)], STRICT), STRICT)
    page = replay_page(summary(cells(found.lazy()).collect()), [], None, policy="x", about="all")
    assert "Nothing to draw." in page
    well_formed(page)
