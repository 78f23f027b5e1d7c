"""Files of invoices as rows of text: how each form is read, and what is refused."""

from __future__ import annotations

import io
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources import invoice_files
from resources.errors import ConfigurationError
from resources.invoice_files import NO_TEXT, Form, form_of, read_content, read_file
from rules.errors import RulesError
from rules.invoices import REQUIRED, ROWS

HEAD = "number,customer_name,currency,total_amount,issue_date\n"
LINE = "INV-1,Zumari Agro Ltd,NGN,1075.00,2026-01-02\n"
OBJECT = '{"number": "INV-1", "customer_name": "Zumari Agro Ltd", "currency": "NGN", "total_amount": 1075.00, '
OBJECT += '"issue_date": "2026-01-02"}'
ROW = ("INV-1", "Zumari Agro Ltd", "NGN", "1075.00", "2026-01-02")


def cells(content: bytes, form: Form) -> list[tuple[object, ...]]:
    """The required fields of each row."""
    read = read_content(content, form)
    assert read.rows.schema == ROWS
    return read.rows.select(REQUIRED).rows()


@pytest.mark.parametrize(
    "content",
    [
        (HEAD + LINE).encode(),
        (HEAD + LINE).encode("utf-8-sig"),
        (HEAD + LINE).encode("utf-16"),
        (HEAD + LINE).replace("\n", "\r\n").encode(),
        (HEAD + LINE).replace(",", ";").encode(),
        (HEAD + LINE).replace(",", "\t").encode(),
        (HEAD + LINE + "\n,,,,\n").encode(),
        (HEAD.strip() + ",\n" + LINE.strip() + ",\n").encode(),
        (HEAD + LINE.replace("Zumari Agro Ltd", '"Zumari Agro Ltd"')).encode(),
    ],
    ids=["plain", "mark", "utf-16", "windows", "semicolons", "tabs", "blank rows", "blank column", "quotes"],
)
def test_csv_is_read_as_spreadsheets_write_it(content: bytes) -> None:
    assert cells(content, Form.CSV) == [ROW]


def test_a_quoted_cell_may_hold_delimiters_and_quotes() -> None:
    content = HEAD + 'INV-1,"Zumari, ""Agro"" Ltd",NGN,1,2026-01-02\n'
    assert cells(content.encode(), Form.CSV)[0][1] == 'Zumari, "Agro" Ltd'


def test_rows_are_counted_without_headings_and_know_their_lines() -> None:
    content = HEAD + "\n" + LINE.replace("Zumari", '"Zumari\n').replace(" Ltd", ' Ltd"') + LINE
    assert read_content(content.encode(), Form.CSV).rows.select("row", "line").rows() == [(1, 3), (2, 5)]


@pytest.mark.parametrize("text", [f"[{OBJECT}]", f'{{"data": [{OBJECT}]}}', OBJECT, f"{OBJECT}\n{OBJECT}\n"])
def test_json_is_a_list_or_data_or_one_a_line(text: str) -> None:
    assert set(cells(text.encode(), Form.JSON)) == {ROW}


def test_a_json_number_keeps_the_digits_it_was_written_with() -> None:
    assert cells(f"[{OBJECT.replace('1075.00', '0.10000000000000000001')}]".encode(), Form.JSON)[0][3] == (
        "0.10000000000000000001"
    )
    assert cells(f"[{OBJECT.replace('1075.00', '1e5')}]".encode(), Form.JSON)[0][3] == "1e5"


@pytest.mark.parametrize("value", ["true", "[1]", '{"a": 1}', '1, "number": "INV-2"', '"\\ud800"'])
def test_a_json_value_that_is_no_single_text_or_number_stands_out(value: str) -> None:
    text = OBJECT.replace('"INV-1"', value)
    assert cells(f"[{text}]".encode(), Form.JSON)[0][0] == NO_TEXT


def test_a_name_that_some_objects_leave_out_is_null_there() -> None:
    text = f"[{OBJECT}, {OBJECT.replace(chr(34) + 'currency' + chr(34) + ': ' + chr(34) + 'NGN' + chr(34) + ', ', '')}]"
    assert [row[2] for row in cells(text.encode(), Form.JSON)] == ["NGN", None]


@pytest.mark.parametrize(
    ("amounts", "days", "told"),
    [
        (pl.Series(["1075.00"]), pl.Series(["2026-01-02"]), ("1075.00", "2026-01-02")),
        (pl.Series([Decimal("1075.5000")]), pl.Series([date(2026, 1, 2)]), ("1075.50", "2026-01-02")),
        (pl.Series([1075.1]), pl.Series([datetime(2026, 1, 2)]), ("1075.1", "2026-01-02")),
        (
            pl.Series([0.1 + 0.2]),
            pl.Series([datetime(2026, 1, 2, 3)]),
            ("0.30000000000000004", "2026-01-02 03:00:00.000000"),
        ),
        (pl.Series([1075], dtype=pl.Int16), pl.Series([None]), ("1075", None)),
        (pl.Series([[1]]), pl.Series([True]), (NO_TEXT, NO_TEXT)),
    ],
)
def test_parquet_keeps_what_its_types_say_exactly(
    amounts: pl.Series, days: pl.Series, told: tuple[str | None, str | None]
) -> None:
    frame = pl.DataFrame({"number": ["1"], "customer_name": ["Z"], "currency": ["NGN"]})
    out = io.BytesIO()
    frame.with_columns(total_amount=amounts, issue_date=days, colour=pl.lit(1)).write_parquet(out)
    assert cells(out.getvalue(), Form.PARQUET) == [("1", "Z", "NGN", *told)]
    assert read_content(out.getvalue(), Form.PARQUET).ignored == ["colour"]


REFUSED = [
    (b"", Form.CSV, "nothing in it"),
    (b" \n ", Form.JSON, "nothing in it"),
    (b"PK\x03\x04rest", Form.CSV, "spreadsheet"),
    ("number,é\n".encode("latin-1"), Form.CSV, "UTF-8"),
    (b"number,\x00", Form.CSV, "zero bytes"),
    (b"a,b\n1,2\n", Form.CSV, "must be named"),
    (HEAD.replace("issue_date", "number").encode(), Form.CSV, "issue_date"),
    ((HEAD.strip() + ",number\n").encode(), Form.CSV, "two columns number"),
    ((HEAD + "INV-1,Zumari, Agro,NGN,1,2026-01-02\n").encode(), Form.CSV, r"row 1 \(line 2\) has 6 cells"),
    ((HEAD + LINE + "INV-2\n").encode(), Form.CSV, r"row 2 \(line 3\) has 1 cells"),
    ((HEAD + 'INV-1,"open\n').encode(), Form.CSV, "begins on line 2"),
    (b"{", Form.JSON, "no JSON"),
    (b"[1]", Form.JSON, "row 1 is no object"),
    (b'"text"', Form.JSON, "a list of invoices"),
    (b'{"data": {}}', Form.JSON, "a list of invoices"),
    (f"{OBJECT}\n{{\n".encode(), Form.JSON, "line 2 is no JSON"),
    (b"[" * 100_000, Form.JSON, "nested too deep"),
    (b"PAR1 and no more", Form.PARQUET, "no Parquet file"),
    (b"number", Form.PARQUET, "no Parquet file"),
]


@pytest.mark.parametrize(("content", "form", "told"), REFUSED)
def test_a_file_that_cannot_be_used_is_refused_in_a_sentence(content: bytes, form: Form, told: str) -> None:
    with pytest.raises((ConfigurationError, RulesError), match=told):
        read_content(content, form)


def test_a_file_without_rows_holds_none() -> None:
    assert cells(HEAD.encode(), Form.CSV) == []
    assert cells(b"[]", Form.JSON) == []


def test_size_and_rows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    read_content((HEAD + LINE * 3).encode(), Form.CSV).rows.write_parquet(out)
    monkeypatch.setattr(invoice_files, "MOST_ROWS", 2)
    for content, form in (((HEAD + LINE * 3).encode(), Form.CSV), (out.getvalue(), Form.PARQUET)):
        with pytest.raises(ConfigurationError, match="more than 2 rows"):
            read_content(content, form)
    monkeypatch.setattr(invoice_files, "LARGEST", 50)
    with pytest.raises(ConfigurationError, match="in parts"):
        read_content((HEAD + LINE).encode(), Form.CSV)


def test_the_form_is_told_by_name_or_content() -> None:
    assert form_of(b"PAR1...", Form.CSV) == Form.PARQUET
    assert form_of(b"number", Form.JSON) == Form.JSON
    assert form_of(b'\xef\xbb\xbf [{"number"') == Form.JSON
    assert form_of(b"number,") == Form.CSV


def test_a_file_is_named_where_it_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "books.json"
    path.write_bytes(b"{")
    with pytest.raises(ConfigurationError, match=r"books\.json: it is no JSON"):
        read_file(path)
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_file(tmp_path / "nowhere.csv")


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200), st.sampled_from(list(Form)))
def test_no_bytes_cause_anything_but_a_sentence(content: bytes, form: Form) -> None:
    for begun in (content, HEAD.encode() + content, b"PAR1" + content, b"[" + content):
        try:
            assert read_content(begun, form).rows.schema == ROWS
        except (ConfigurationError, RulesError) as error:
            assert str(error)
