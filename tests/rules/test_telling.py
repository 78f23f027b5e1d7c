"""Which parts of a text tell of somebody, and which do not."""

from __future__ import annotations

import json

import pytest

from rules.telling import LONGEST, telling_parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("ADAEZE OKWUOSA", {"ADAEZE OKWUOSA"}),
        ("TRF2041/0123456789/ADAEZE", {"TRF2041/0123456789/ADAEZE", "0123456789"}),
        ("to adaeze@example.ng ", {"to adaeze@example.ng", "adaeze@example.ng"}),
        ("Subscription", set()),  # one word: a policy has it too
        ("short 1", set()),
        ("2026-03-01T10:00:00.000Z", set()),
        ("2026-03-01", set()),
        ("01-03-2026 10:00", set()),
        ("5000000000", set()),  # an amount
        ("1111111111", set()),
        ("", set()),
    ],
)
def test_a_text_tells(text: str, parts: set[str]) -> None:
    assert telling_parts(text) == parts


def test_a_document_tells_what_its_texts_tell_and_its_keys_do_not() -> None:
    document = {
        "accounting_customer_party.address 1": {"party_name": 'Ada "Sons" Ltd'},
        "list": ["Plot 4, Yaba", 7, None],
        "n": 3012345678,
    }
    assert telling_parts(json.dumps(document)) == {'Ada "Sons" Ltd', "Plot 4, Yaba"}


def test_what_only_looks_like_a_document_is_a_text() -> None:
    assert telling_parts("[NIP] Ada Obi") == {"[NIP] Ada Obi"}
    assert telling_parts("[" * 100_000) == set()


def test_of_a_long_text_its_beginning_is_looked_for() -> None:
    assert telling_parts("word " * 100) == {("word " * 100)[:LONGEST].strip()}
