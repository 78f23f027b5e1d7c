"""What looks like a mistake in a policy: each finding by an example, and none in the shipped policy."""

from __future__ import annotations

import pytest

from rules.policy_lint import Finding, covers, lint
from rules.text import parse_term
from tests.rules.scenarios import decide_one, policy, shipped


def findings(text: str) -> list[Finding]:
    return lint(policy(text))


def test_the_shipped_policy_has_no_findings() -> None:
    assert lint(shipped()) == []


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (
            "floor.GHC = '9'",
            Finding("dead", "floor", "GHC is kept as GHS: write GHS"),
        ),
        (
            "floor.NGM = '500'",
            Finding("dead", "floor", "NGM is no currency of today's (ISO 4217), and no line is in it"),
        ),
        (
            "terms.company = ['ltd', 'plc', 'LTD']",
            Finding("repeated", "terms.company", "'LTD' stands there twice"),
        ),
        (
            "terms.refund = ['refund*', 'refunds']",
            Finding("shadowed", "terms.refund", "'refunds' finds nothing that 'refund*' does not find"),
        ),
        (
            "terms.refund = ['money refund', 'refund']",  # the wider one may stand after
            Finding("shadowed", "terms.refund", "'money refund' finds nothing that 'refund' does not find"),
        ),
        (
            "terms.business = ['charity payment']",
            Finding(
                "contradictory",
                "terms.business",
                "'charity payment' can never make a line eligible: wherever it stands the personal term 'charity'"
                " stands too and rejects it",
            ),
        ),
        (
            "terms.boilerplate = ['web*']\nterms.business = ['website']",
            Finding("dead", "terms.business", "'website' is never seen: the boilerplate 'web*' removes it"),
        ),
        (
            "points.minimum = 191",
            Finding("dead", "points.minimum", "no line can reach 191 points: all together give 190"),
        ),
        (
            "points.minimum = 0",
            Finding("idle", "points.minimum", "with a minimum of 0 every line that nothing stands against is eligible"),
        ),
        (
            "currency.invoice = ['NGN', 'GHS']",
            Finding("idle", "floor.GHS", "GHS has no floor, so every amount in it counts as below"),
        ),
        (
            "terms.refund = []",
            Finding("dead", "terms.refund", "without a refund term row 2 of the decision table rejects every debit"),
        ),
        (
            "terms.personal = []",
            Finding("dead", "terms.personal", "without a personal term row 9 of the decision table never decides"),
        ),
        (
            'floor.NGN = "0"',
            Finding("dead", "floor", "no amount is below a floor of 0, so rows 10 and 11 never decide"),
        ),
        (
            "currency.invoice = []",
            Finding("dead", "currency.invoice", "without a currency row 3 of the decision table rejects every line"),
        ),
    ],
)
def test_each_finding(text: str, finding: Finding) -> None:
    assert findings(text) == [finding]


@pytest.mark.parametrize(
    "text",
    [
        "terms.refund = ['refund', 'refunds']",
        "terms.business = ['payment for charities']",  # charity is another word
        "terms.personal = ['charity payment']\nterms.business = ['payment']",  # personal in some company only
        "points.minimum = 190",
        "currency.invoice = ['GHS']\nfloor.GHS = '1'",
    ],
)
def test_what_is_no_mistake_is_no_finding(text: str) -> None:
    assert findings(text) == []


@pytest.mark.parametrize(
    ("wide", "narrow", "covered"),
    [
        ("gift", "gift", True),
        ("gift*", "gift", True),
        ("gift", "gift*", False),
        ("*gift*", "gift*", True),
        ("*gift", "*gift*", False),
        ("gift", "birthday gift", True),
        ("birthday gift", "gift", False),
        ("gift", "*gift", False),
        ("birth* gift*", "birthday gifts", True),
        ("day g*", "birthday gift", False),
    ],
)
def test_a_term_covers_another_that_it_is_found_in_however_the_stars_are_filled(
    wide: str, narrow: str, covered: bool
) -> None:
    assert covers(parse_term(wide), parse_term(narrow)) is covered


def test_what_lint_calls_contradictory_is_really_rejected() -> None:
    odd = policy("terms.business = ['charity payment']")
    assert decide_one("NIP/GTB/SAHELIA PLC/charity payment", policy=odd)["detail"] == "personal_keyword"
