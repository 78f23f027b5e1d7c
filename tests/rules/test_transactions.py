"""Raw rows into transactions: what is read, what is put into quarantine, what is exact."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.contracts import TRANSACTIONS
from rules.transactions import (
    QUARANTINE_SCHEMA,
    TRANSACTION_SCHEMA,
    AccountKey,
    Normalised,
    canonical_json,
    line_id,
    normalise,
    normalise_all,
    payload_hash,
)

ACCOUNT = AccountKey("org-1", "sandbox", "acc-1")
NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
ROW: dict[str, object] = {
    "id": "t1",
    "narration": "NIP/GTB/OKORO STORES LTD/invoice 7",
    "amount": 250000,
    "type": "credit",
    "balance": 900000,
    "date": "2024-02-28T23:30:00.500Z",
    "category": "unknown",
}


def read(*rows: object) -> Normalised:
    return normalise(rows, ACCOUNT, NOON, "run-1")


def line(**changes: object) -> dict[str, object]:
    """The one transaction that the row gives, with the changes."""
    frame = read({**ROW, **changes}).transactions
    assert frame.height == 1
    return frame.row(0, named=True)


def fault(row: object) -> tuple[str, str]:
    """The field that puts the row into quarantine, and its payload."""
    result = read(row)
    assert result.transactions.height == 0
    assert result.quarantine.height == 1
    found = result.quarantine.row(0, named=True)
    assert found["expected"]
    return found["field"], found["payload"]


def without(*names: str) -> dict[str, object]:
    return {name: value for name, value in ROW.items() if name not in names}


def test_a_documented_row_becomes_one_transaction() -> None:
    result = read(ROW)
    assert result.quarantine.height == 0
    payload = json.dumps(ROW, sort_keys=True, separators=(",", ":"))
    assert result.transactions.row(0, named=True) == {
        "organization_id": "org-1",
        "environment": "sandbox",
        "account_id": "acc-1",
        "transaction_id": "t1",
        "booked_at": datetime(2024, 2, 28, 23, 30, 0, 500000, tzinfo=UTC),
        "day": date(2024, 2, 29),
        "direction": "credit",
        "amount": 250000,
        "currency": None,
        "narration": "NIP/GTB/OKORO STORES LTD/invoice 7",
        "description": None,
        "counterparty": None,
        "reference": None,
        "tags": [],
        "status": "settled",
        "category": "unknown",
        "balance": 900000,
        "payload": payload,
        "payload_hash": payload_hash(payload),
        "received_at": NOON,
        "run_id": "run-1",
    }


def test_the_frames_have_the_columns_of_their_tables() -> None:
    for result in (read(ROW, {}), read()):
        assert dict(result.transactions.schema) == TRANSACTION_SCHEMA
        assert dict(result.quarantine.schema) == QUARANTINE_SCHEMA


def test_what_comes_out_is_what_the_rules_are_promised() -> None:
    promised = {name: column.dtype.type for name, column in TRANSACTIONS.columns.items()}
    for name, dtype in TRANSACTION_SCHEMA.items():
        assert promised.get(name, dtype) == dtype


@pytest.mark.parametrize("row", [None, 7, "row", True, [], [{"id": "t1"}]])
def test_a_row_that_is_no_object_is_quarantined(row: object) -> None:
    assert fault(row) == ("row", json.dumps(row, separators=(",", ":")))


@pytest.mark.parametrize("value", [None, "", "  ", True, 1.5, ["t1"], {"$oid": "t1"}])
def test_an_id_that_names_nothing_is_quarantined(value: object) -> None:
    assert fault({**ROW, "id": value})[0] == "id"


def test_a_row_without_id_is_quarantined() -> None:
    assert fault(without("id"))[0] == "id"


@pytest.mark.parametrize(
    "value",
    [None, 0, -1, True, "250000", 2500.5, float("nan"), float("inf"), 2**63, 10**40, 1e300, [1], Decimal("1E+999999")],
)
def test_an_amount_that_is_no_positive_whole_number_is_quarantined(value: object) -> None:
    assert fault({**ROW, "amount": value})[0] == "amount"


@pytest.mark.parametrize("value", [None, "", "transfer", "creditor", 1, ["credit"]])
def test_an_unknown_type_is_quarantined(value: object) -> None:
    assert fault({**ROW, "type": value})[0] == "type"


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "yesterday",
        "2024-02-30T10:00:00Z",
        "2024-13-01",
        "2023-02-29",
        "2024-01-01T25:00:00Z",
        "2024-01-01T10:00:60Z",
        "28-02-2024",
        1709164800,
        "0023-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+05:00",
    ],
)
def test_an_impossible_date_is_quarantined(value: object) -> None:
    assert fault({**ROW, "date": value})[0] == "date"


def test_the_first_field_that_is_wrong_is_the_one_that_is_named() -> None:
    assert fault({"amount": "x", "type": "x"})[0] == "id"
    assert fault({"id": "t1", "type": "x", "amount": 0})[0] == "amount"
    assert fault({"id": "t1", "type": "x", "amount": 1})[0] == "type"


def test_a_row_that_cannot_be_read_leaves_the_others_alone() -> None:
    result = read(ROW, {**ROW, "id": None}, {**ROW, "id": "t2"}, "x", {**ROW, "id": "t3", "amount": -5})
    assert result.transactions["transaction_id"].to_list() == ["t1", "t2"]
    assert result.quarantine["field"].to_list() == ["id", "row", "amount"]
    assert set(result.quarantine["source"]) == {"sync"}


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"id": 12}, "12"),
        ({"_id": "old"}, "old"),
        ({"id": None, "_id": "old"}, "old"),
        ({"id": "", "_id": "old"}, "old"),
        ({"id": "new", "_id": "old"}, "new"),
    ],
)
def test_either_spelling_of_an_id_names_the_line(row: Mapping[str, object], name: str) -> None:
    assert line_id(row) == name
    assert read({**without("id"), **row}).transactions["transaction_id"].to_list() == [name]


def test_an_amount_of_whole_value_is_read_exactly() -> None:
    assert line(amount=500.0)["amount"] == 500
    assert line(amount=2**63 - 1)["amount"] == 2**63 - 1
    assert line(amount=Decimal("12345678901234567.0"))["amount"] == 12345678901234567


@pytest.mark.parametrize("value", ["CREDIT", " Credit "])
def test_a_type_is_read_in_any_case(value: str) -> None:
    assert line(type=value)["direction"] == "credit"


@pytest.mark.parametrize(
    ("value", "moment", "day"),
    [
        ("2024-02-28T23:30:00Z", datetime(2024, 2, 28, 23, 30, tzinfo=UTC), date(2024, 2, 29)),
        ("2024-02-28T22:59:59.999999Z", datetime(2024, 2, 28, 22, 59, 59, 999999, tzinfo=UTC), date(2024, 2, 28)),
        ("2024-02-28T23:30:00+01:00", datetime(2024, 2, 28, 22, 30, tzinfo=UTC), date(2024, 2, 28)),
        ("2024-02-28T23:30:00", datetime(2024, 2, 28, 23, 30, tzinfo=UTC), date(2024, 2, 29)),
        ("2024-02-28 10:30", datetime(2024, 2, 28, 10, 30, tzinfo=UTC), date(2024, 2, 28)),
        ("2024-02-28", datetime(2024, 2, 28, tzinfo=UTC), date(2024, 2, 28)),
        ("20240228T103000Z", datetime(2024, 2, 28, 10, 30, tzinfo=UTC), date(2024, 2, 28)),
        (" 2024-02-28T10:30:00.123456789Z ", datetime(2024, 2, 28, 10, 30, 0, 123456, tzinfo=UTC), date(2024, 2, 28)),
        ("2024-02-28T10:30:00.123456789Z", datetime(2024, 2, 28, 10, 30, 0, 123456, tzinfo=UTC), date(2024, 2, 28)),
    ],
)
def test_a_day_is_the_lagos_day_of_the_moment(value: str, moment: datetime, day: date) -> None:
    found = line(date=value)
    assert (found["booked_at"], found["day"]) == (moment, day)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("NGN", "NGN"),
        (" ngn ", "NGN"),
        ("Naira", "NGN"),
        ("GHC", "GHS"),
        ("ksh", "KES"),
        ("usd", "USD"),
        ("", None),
        ("US Dollar", "XXX"),
        (566, None),
        (None, None),
    ],
)
def test_a_currency_is_stored_as_its_iso_code(value: object, code: str | None) -> None:
    assert line(currency=value)["currency"] == code


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("pending", "pending"),
        (" Processing ", "pending"),
        ("HOLD", "pending"),
        ("settled", "settled"),
        ("successful", "settled"),
        ("not failed", "settled"),
        ("unknown", "settled"),
        ("", "settled"),
        (None, "settled"),
        (7, "settled"),
    ],
)
def test_a_status_is_pending_or_settled(value: object, status: str) -> None:
    assert line(status=value)["status"] == status


@pytest.mark.parametrize("value", ["failed", " Reversed ", "DECLINED", "cancelled", "canceled"])
def test_money_that_never_moved_is_no_transaction(value: str) -> None:
    row = {**ROW, "status": value}
    field, payload = fault(row)
    assert field == "status"
    assert json.loads(payload) == row


def test_of_several_faults_the_status_is_told_last() -> None:
    assert fault({**ROW, "status": "failed", "date": "some day"})[0] == "date"


@pytest.mark.parametrize(
    ("value", "name"),
    [("  Okoro Stores ", "Okoro Stores"), ("  ", None), (3, None), ({"name": " Okoro "}, "Okoro"), ({"name": 1}, None)],
)
def test_an_explicit_counterparty_is_its_name(value: object, name: str | None) -> None:
    assert line(counterparty=value)["counterparty"] == name


@pytest.mark.parametrize(("value", "reference"), [(" INV-1 ", "INV-1"), (" ", None), (12, None), (["INV-1"], None)])
def test_an_explicit_reference_is_trimmed_text(value: object, reference: str | None) -> None:
    assert line(reference=value)["reference"] == reference


@pytest.mark.parametrize(
    ("value", "tags"),
    [(["rent", " x "], ["rent", "x"]), ("rent", ["rent"]), ([1, None, "a", " "], ["a"]), ({"a": 1}, []), (None, [])],
)
def test_tags_are_a_list_of_text(value: object, tags: list[str]) -> None:
    assert line(tags=value)["tags"] == tags


def test_a_wrong_optional_field_is_null_and_stays_in_the_payload() -> None:
    wrong: dict[str, object] = {"balance": "1,000", "narration": 5, "description": [], "category": {}, "tags": 9}
    found = line(**wrong)
    assert [found[name] for name in wrong] == [None, None, None, None, []]
    assert json.loads(found["payload"]) == {**ROW, **wrong}


def test_what_a_column_cannot_hold_is_replaced_there_only() -> None:
    row = {**ROW, "narration": "a\ud83db", "description": "c\0d"}
    found = line(**row)
    assert (found["narration"], found["description"]) == ("a\ufffdb", "c\ufffdd")
    assert json.loads(found["payload"]) == row


def test_rows_of_several_accounts_are_read_at_once() -> None:
    other = AccountKey("org-2", "production", "acc-2")
    result = normalise_all([(ACCOUNT, [ROW, {}]), (other, [ROW])], NOON, "run-1")
    assert result.transactions["account_id"].to_list() == ["acc-1", "acc-2"]
    assert result.transactions["environment"].to_list() == ["sandbox", "production"]
    assert result.quarantine["organization_id"].to_list() == ["org-1"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
FIELDS = [*ROW, "_id", "currency", "tags", "status", "counterparty", "reference", '"x\\']
ROWS = st.lists(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=8) | JSON, max_size=6)


@given(ROWS)
def test_every_row_comes_out_once_with_its_payload(rows: list[object]) -> None:
    result = read(*rows)
    payloads = result.transactions["payload"].to_list() + result.quarantine["payload"].to_list()
    assert sorted(payloads) == sorted(canonical_json(row) for row in rows)
    assert sorted(map(repr, map(json.loads, payloads))) == sorted(repr(_sorted(row)) for row in rows)


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(("id", "narration", "amount", "tags"), JSON)), max_size=5))
def test_rows_alike_are_written_as_each_alone_would_be(rows: list[object]) -> None:
    together = read(*rows).quarantine["payload"].to_list()
    assert together == [canonical_json(row) for row in rows]


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def test_the_payload_does_not_depend_on_the_order_of_keys() -> None:
    back = dict(reversed(ROW.items()))
    assert read(ROW).transactions["payload_hash"].to_list() == read(back).transactions["payload_hash"].to_list()


def test_a_long_decimal_is_kept_digit_by_digit() -> None:
    payload = line(rate=Decimal("0.12345678901234567890"))["payload"]
    assert '"rate":0.12345678901234567890' in payload


def test_no_frame_holds_a_null_where_the_table_has_an_identity() -> None:
    frame = read(ROW, {**ROW, "id": 5}, {**ROW, "id": None}).transactions
    assert (
        frame.select(
            pl.col("account_id", "transaction_id", "day", "amount", "payload_hash").null_count()
        ).sum_horizontal()[0]
        == 0
    )
