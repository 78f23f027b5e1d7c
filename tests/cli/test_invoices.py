"""`kobosift invoices`: files in, all of them or nothing, and a look at what is there."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from tests.cli.conftest import Place

HEAD = "number,customer_name,currency,total_amount,issue_date,status\n"
GOOD = HEAD + "INV-1,Zumari Agro Ltd,NGN,1075.00,2026-01-02,\nINV-2,Kolatide Foods,NGN,99,2026-01-03,cancelled\n"
FOR_ACME = ("--organization", "acme")


def written(place: Place, name: str, text: str) -> Path:
    path = place.folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_invoices_are_imported_updated_and_left_alone(nowhere: Place) -> None:
    books = str(written(nowhere, "books.csv", GOOD))
    first = nowhere.done("invoices", "import", books, *FOR_ACME, "--json").document
    assert first == {"imported": 2, "updated": 0, "unchanged": 0, "ignored_columns": []}
    again = nowhere.done("invoices", "import", books, *FOR_ACME)
    assert again.out == "0 invoices imported, 0 updated, 2 unchanged.\n"
    rows = pl.read_csv(books, infer_schema=False).with_columns(total_amount=pl.lit(5), status=pl.lit(None, pl.String))
    rows.with_columns(colour=pl.lit("red")).write_parquet(nowhere.folder / "books.parquet")
    changed = nowhere.done("invoices", "import", "books.parquet", *FOR_ACME, "--json")
    assert changed.document == {"imported": 0, "updated": 2, "unchanged": 0, "ignored_columns": ["colour"]}
    assert "colour" in changed.err
    found = nowhere.done("invoices", "list", "--json").document
    assert [(row["number"], row["total_amount"], row["status"]) for row in found] == [
        ("INV-2", 500, "cancelled"),
        ("INV-1", 500, "open"),
    ]
    assert [row["number"] for row in nowhere.done("invoices", "list", "--open", "--json").document] == ["INV-1"]
    assert "NGN 5.00" in nowhere.done("invoices", "list").out


def test_invoices_that_no_line_can_pay_are_told_of(nowhere: Place) -> None:
    books = str(written(nowhere, "books.csv", GOOD))
    told = nowhere.done("invoices", "import", books, *FOR_ACME).err
    assert "no account is linked of acme (" in told
    nowhere.done("accounts", "link", "acc-1", *FOR_ACME)
    assert nowhere.done("invoices", "import", books, *FOR_ACME).err == ""


def test_a_file_with_a_mistake_changes_nothing(nowhere: Place) -> None:
    bad = str(written(nowhere, "bad.csv", GOOD + "INV-3,Zumari Agro Ltd,NGN,-1,2026-01-02,\n"))
    for arguments in ([], FOR_ACME):
        result = nowhere("invoices", "import", bad, *arguments)
        assert result.code == 2
        assert "row 3 (line 4), total_amount: expected an amount that is not negative" in result.err
        assert not nowhere.home.exists()
    assert "row 3" in nowhere("invoices", "import", bad, "--json").document["error"]


def test_rows_may_say_themselves_whose_they_are(nowhere: Place) -> None:
    mine = {"number": 7, "customer_name": "Zumari", "currency": "NGN", "total_amount": 10.5, "issue_date": "2026-01-02"}
    theirs = [mine | {"organization_id": each, "environment": "production"} for each in ("acme", "umbra")]
    books = str(written(nowhere, "books.json", json.dumps({"data": theirs})))
    assert nowhere("invoices", "import", books, *FOR_ACME).code == 2
    assert nowhere.done("invoices", "import", books, "--json").document["imported"] == 2
    found = nowhere.done("invoices", "list", "--organization", "umbra", "--json").document
    assert [(row["environment"], row["total_amount"]) for row in found] == [("production", 1050)]


def test_without_a_word_invoices_belong_to_the_only_tenant(nowhere: Place) -> None:
    books = str(written(nowhere, "books.csv", GOOD))
    refused = nowhere("invoices", "import", books)
    assert refused.code == 2
    assert "--organization" in refused.err
    nowhere.done("accounts", "link", "acc-1", "--organization", "umbra")
    nowhere.done("invoices", "import", books)
    assert {row["organization_id"] for row in nowhere.done("invoices", "list", "--json").document} == {"umbra"}


def test_an_id_of_another_tenant_is_refused(nowhere: Place) -> None:
    books = str(written(nowhere, "books.csv", GOOD.replace("status", "invoice_id").replace(",\n", ",a\n")))
    nowhere.done("invoices", "import", books, "--organization", "umbra")
    result = nowhere("invoices", "import", books, *FOR_ACME)
    assert result.code == 2
    assert "row 1 (line 2), invoice_id: expected an id that is free" in result.err
    assert nowhere.done("invoices", "list", *FOR_ACME, "--json").document == []
