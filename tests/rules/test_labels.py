"""Files of labels: what is read, what is refused, and how far people agree."""

from __future__ import annotations

import polars as pl
import pytest

from rules.labels import LabelError, agreement, disagreements, read_labels


def rows(*said: tuple[str | None, str | None, str | None]) -> pl.DataFrame:
    return pl.DataFrame(said, schema=dict.fromkeys(("account_id", "transaction_id", "label"), pl.String), orient="row")


def by(**said: dict[str, str]) -> pl.DataFrame:
    """Labels by person and transaction."""
    return pl.DataFrame(
        [("acc", line, label, who) for who, lines in said.items() for line, label in lines.items()],
        schema=["account_id", "transaction_id", "label", "labelled_by"],
        orient="row",
    )


def test_labels_are_read_whatever_their_case_and_the_sandbox_s_word_for_personal() -> None:
    read = read_labels(rows(("a", "1", " Business "), ("a", "2", "not_business"), ("a", "3", "PERSONAL")), "f")
    assert read.labels["label"].to_list() == ["business", "personal", "personal"]
    assert set(read.labels["labelled_by"]) == {"import"}


def test_rows_without_a_label_are_left_out_and_counted() -> None:
    read = read_labels(rows(("a", "1", "business"), ("a", "2", None), ("a", "3", " ")), "f", "ada")
    assert read.blank == 2
    assert read.labels.to_dicts() == [
        {"account_id": "a", "transaction_id": "1", "label": "business", "labelled_by": "ada"}
    ]


def test_who_labelled_is_the_row_s_own_word_before_the_command_s() -> None:
    told = rows(("a", "1", "business"), ("a", "2", "business")).with_columns(labelled_by=pl.Series(["bola", None]))
    assert read_labels(told, "f", "ada").labels["labelled_by"].to_list() == ["bola", "ada"]


@pytest.mark.parametrize(
    ("faulty", "told"),
    [
        (rows(("a", "1", "maybe")), "row 1: write business or personal as the label"),
        (rows(("a", "1", "business"), (None, "2", "business")), "row 2: write both account_id and transaction_id"),
        (rows(("a", "1", "business"), ("a", "1", "personal")), "row 1: another row labels the same line otherwise"),
        (rows().drop("label"), "has no column label"),
    ],
)
def test_a_fault_names_its_row_and_refuses_the_file(faulty: pl.DataFrame, told: str) -> None:
    with pytest.raises(LabelError, match=told):
        read_labels(faulty, "f")


def test_many_faults_are_counted_and_no_value_is_told() -> None:
    with pytest.raises(LabelError) as error:
        read_labels(rows(*[("a", str(number), "secret") for number in range(30)]), "f")
    assert "and 20 more" in str(error.value)
    assert "secret" not in str(error.value)


def test_the_same_row_twice_is_one() -> None:
    assert len(read_labels(rows(("a", "1", "business"), ("a", "1", "business")), "f").labels) == 1


def test_people_agree_on_the_lines_that_both_labelled() -> None:
    said = by(ada={"1": "business", "2": "personal", "3": "business"}, bola={"2": "personal", "3": "personal"})
    (pair,) = agreement(said)
    assert (pair.one, pair.other, pair.lines, pair.agreed) == ("ada", "bola", 2, 1)
    assert pair.kappa == 0
    act = pl.DataFrame([("acc", "1", "personal", "tok")], schema=said.schema, orient="row")
    words = pl.concat(
        [said.with_columns(source=pl.lit("labelled")), act.with_columns(source=pl.lit("discarded"))]
    ).with_columns(counts=pl.lit("business"))
    assert {each["transaction_id"]: each["said"] for each in disagreements(words).to_dicts()} == {
        "1": "ada: business, tok (discarded): personal",
        "3": "ada: business, bola: personal",
    }
    assert agreement(by(ada={"1": "business"}, bola={"2": "business"})) == []
