import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from sandbox.narrations import load_shapes
from sandbox.world import INVOICE_COLUMNS, TRUTH_SCHEMA, World, build_world

END = date(2026, 3, 31)
LAGOS = timedelta(hours=1)
LAWFUL = {
    "full": (0, False),
    "less_wht_2": (2, False),
    "less_wht_5": (5, False),
    "less_wht_10": (10, False),
    "less_vat": (0, True),
    "less_wht_5_and_vat": (5, True),
}


def rows(world: World) -> Iterator[list[dict[str, object]]]:
    """The served rows of each account, newest first."""
    for statement in world.statements:
        yield [json.loads(row) for row in statement.rows]


def booked(row: dict[str, object]) -> datetime:
    return datetime.fromisoformat(str(row["date"]).replace("Z", "+00:00"))


def payments(world: World) -> pl.DataFrame:
    """Truth with the amount of each line, the organisation of its account and its invoices' amounts in kobo."""
    amounts = pl.DataFrame(
        [
            (account.id, account.organization_id, row["id"], row["amount"])
            for account, account_rows in zip(world.accounts, rows(world), strict=True)
            for row in account_rows
        ],
        schema=["account_id", "organization_id", "transaction_id", "amount"],
        orient="row",
    )
    return world.truth(later=True).join(amounts, on=["account_id", "transaction_id"])


def kobo(naira: str) -> int:
    return int(Decimal(naira) * 100)


def invoices(world: World) -> dict[tuple[str, str], dict[str, str]]:
    return {(row["organization_id"], row["number"]): row for row in world.invoices().iter_rows(named=True)}


def test_the_same_seed_gives_the_same_bytes(world: World) -> None:
    again = build_world(accounts=5, days=60, seed=11, end=END, lines=450)
    assert [statement.rows for statement in again.statements] == [statement.rows for statement in world.statements]
    assert again.truth().equals(world.truth())
    assert again.invoices().write_csv() == world.invoices().write_csv()


def test_another_seed_gives_other_lines(world: World) -> None:
    other = build_world(accounts=5, days=60, seed=12, end=END, lines=450)
    assert not set(other.account_ids) & set(world.account_ids)


def test_every_shape_of_the_file_occurs_in_every_account_that_has_room(world: World) -> None:
    known = {shape.text for shape in load_shapes()}
    for shapes in world.truth(later=True).group_by("account_id").agg(pl.col("shape").unique())["shape"]:
        assert set(shapes) == known


def test_every_shape_occurs_in_a_small_world_too() -> None:
    small = build_world(accounts=4, days=10, seed=1, end=END, lines=20)
    assert small.truth(later=True)["shape"].n_unique() == len(load_shapes())


def test_the_label_of_a_line_is_that_of_its_shape(world: World) -> None:
    labels = {shape.text: (shape.label, shape.direction) for shape in load_shapes()}
    for statement, account_rows in zip(world.statements, rows(world), strict=True):
        for truth, row in zip(statement.truth, account_rows, strict=True):
            assert labels[truth.shape] == (truth.label, row["type"])


def test_no_placeholder_is_left_in_a_narration(world: World) -> None:
    assert not any("{" in str(row["narration"]) for account_rows in rows(world) for row in account_rows)


def test_ids_are_24_hexadecimal_digits_and_each_is_used_once(world: World) -> None:
    ids = [str(row["id"]) for account_rows in rows(world) for row in account_rows]
    assert all(re.fullmatch(r"[0-9a-f]{24}", each) for each in [*ids, *world.account_ids])
    assert len(set(ids)) == len(ids)


def test_lines_come_newest_first_and_stay_within_the_lagos_days(world: World) -> None:
    for account_rows in rows(world):
        moments = [booked(row) for row in account_rows]
        assert moments == sorted(moments, reverse=True)
        days = {(moment + LAGOS).date() for moment in moments}
        assert min(days) >= END - timedelta(days=59)
        assert max(days) <= END


def test_some_lines_are_booked_on_another_day_in_lagos_than_in_utc(world: World) -> None:
    moments = [booked(row) for account_rows in rows(world) for row in account_rows]
    assert any((moment + LAGOS).date() != moment.date() for moment in moments)
    assert any(moment.hour == 22 and moment.minute >= 45 for moment in moments)


def test_a_few_lines_differ_in_their_id_alone(world: World) -> None:
    for account_rows in rows(world):
        seen = Counter(json.dumps({**row, "id": ""}) for row in account_rows)
        assert 1 <= sum(1 for times in seen.values() if times > 1) <= 10


def test_lines_are_pending_in_the_last_days_only(world: World) -> None:
    pending = [row for account_rows in rows(world) for row in account_rows if row.get("status") == "pending"]
    assert pending
    assert all((booked(row) + LAGOS).date() > END - timedelta(days=3) for row in pending)
    assert all(row["balance"] is None for row in pending)


def signed(row: dict[str, object]) -> int:
    return int(str(row["amount"])) * (1 if row["type"] == "credit" else -1)


def test_balances_run_and_are_never_negative(world: World) -> None:
    checked = 0
    for account_rows in rows(world):
        repeated = 0
        for before, after in pairwise(reversed(account_rows)):
            if {**before, "id": ""} == {**after, "id": ""}:
                repeated += signed(after)  # its balance is that of its twin: the next line's holds both
                continue
            if before["balance"] is not None and after["balance"] is not None:
                assert int(str(after["balance"])) - int(str(before["balance"])) == repeated + signed(after)
                checked += 1
            repeated = 0
        assert all(row["balance"] is None or int(str(row["balance"])) >= 0 for row in account_rows)
    assert checked > 1000


def test_amounts_are_whole_positive_kobo_and_some_are_below_a_thousand_naira(world: World) -> None:
    amounts = [row["amount"] for account_rows in rows(world) for row in account_rows]
    assert all(isinstance(amount, int) and amount > 0 for amount in amounts)
    assert 0.05 < sum(1 for amount in amounts if isinstance(amount, int) and amount < 100_000) / len(amounts) < 0.5


def test_categories_are_those_of_mono_and_sometimes_missing(world: World) -> None:
    categories = {row["category"] for account_rows in rows(world) for row in account_rows}
    assert {None, "unknown", "bank_charges"} <= categories


def test_several_tenants_have_several_accounts_of_firms_and_persons(world: World) -> None:
    assert {account.kind for account in world.accounts} == {"firm", "person"}
    assert {account.environment for account in world.accounts} == {"sandbox"}
    assert max(Counter(account.organization_id for account in world.accounts).values()) > 1
    assert len({account.organization_id for account in world.accounts}) > 1


def test_truth_has_the_columns_that_were_agreed(world: World) -> None:
    truth = world.truth()
    assert truth.schema == TRUTH_SCHEMA
    assert truth.height == 5 * 450
    assert world.truth(later=True).height == 5 * 453


def test_every_way_of_paying_occurs(world: World) -> None:
    assert set(world.truth(later=True)["how"]) == {*LAWFUL, "part", "instalments", "several", "refund", "none"}


def test_a_credit_pays_its_invoice_in_full_or_less_what_the_law_lets_withhold(world: World) -> None:
    known = invoices(world)
    checked = payments(world).filter(pl.col("how").is_in(list(LAWFUL)))
    assert checked.height > 100
    for line in checked.iter_rows(named=True):
        (number,) = line["pays"]
        invoice = known[line["organization_id"], number]
        percent, without_vat = LAWFUL[line["how"]]
        net, vat = kobo(invoice["net_amount"]), kobo(invoice["vat_amount"])
        assert line["amount"] == net + vat - net * percent // 100 - (vat if without_vat else 0)


def test_one_credit_pays_the_sum_of_several_invoices_of_one_customer(world: World) -> None:
    known = invoices(world)
    for line in payments(world).filter(pl.col("how") == "several").iter_rows(named=True):
        paid = [known[line["organization_id"], number] for number in line["pays"]]
        assert len(paid) > 1
        assert len({invoice["customer_name"] for invoice in paid}) == 1
        assert line["amount"] == sum(kobo(invoice["total_amount"]) for invoice in paid)


def test_parts_and_instalments_never_exceed_their_invoice_and_some_instalments_complete_it(world: World) -> None:
    known = invoices(world)
    several = payments(world).filter(pl.col("how").is_in(["part", "instalments"])).explode("pays")
    sums = several.group_by("organization_id", "pays", "how").agg(pl.col("amount").sum(), pl.len())
    left: dict[str, list[int]] = {"part": [], "instalments": []}
    for line in sums.iter_rows(named=True):
        total = kobo(known[line["organization_id"], line["pays"]]["total_amount"])
        left[line["how"]].append(total - line["amount"])
    assert min(left["part"]) > 0
    assert min(left["instalments"]) == 0
    assert sums.filter((pl.col("how") == "instalments") & (pl.col("len") > 1)).height > 3


def test_a_line_that_pays_names_its_invoices_where_its_shape_has_a_reference(world: World) -> None:
    for statement, account_rows in zip(world.statements, rows(world), strict=True):
        for truth, row in zip(statement.truth, account_rows, strict=True):
            if "{REF}" in truth.shape:
                assert all(number in str(row["narration"]) for number in truth.pays)


def test_a_refund_names_an_invoice_of_the_tenant_and_pays_none(world: World) -> None:
    numbers = set(world.invoices()["number"])
    refunds = world.truth().filter(pl.col("how") == "refund")
    assert refunds.height
    assert refunds["pays"].list.len().sum() == 0
    narrations = {str(row["id"]): str(row["narration"]) for account_rows in rows(world) for row in account_rows}
    for transaction_id in refunds["transaction_id"]:
        assert set(narrations[transaction_id].split()) & numbers


def test_invoices_are_exact_and_have_the_columns_of_the_import(world: World) -> None:
    frame = world.invoices()
    assert tuple(frame.columns) == INVOICE_COLUMNS
    assert set(frame.dtypes) == {pl.String}
    assert frame.select("organization_id", "number").is_duplicated().sum() == 0
    for row in frame.iter_rows(named=True):
        assert Decimal(row["net_amount"]) + Decimal(row["vat_amount"]) == Decimal(row["total_amount"])
        assert re.fullmatch(r"\d+\.\d\d", row["total_amount"])


def test_some_invoices_are_never_paid_and_a_few_are_cancelled(world: World) -> None:
    paid = set(world.truth(later=True).explode("pays")["pays"])
    frame = world.invoices()
    assert set(frame["number"]) - paid
    assert set(frame["status"]) == {"open", "cancelled"}
    assert not set(frame.filter(pl.col("status") == "cancelled")["number"]) & paid


def test_an_invoice_is_issued_before_it_is_paid(world: World) -> None:
    known = invoices(world)
    moments = {str(row["id"]): booked(row) for account_rows in rows(world) for row in account_rows}
    for line in payments(world).explode("pays").drop_nulls("pays").iter_rows(named=True):
        issued = datetime.fromisoformat(known[line["organization_id"], line["pays"]]["issue_date"]).replace(tzinfo=UTC)
        assert issued < moments[line["transaction_id"]]


def test_some_accounts_carry_more_than_the_seven_documented_fields(world: World) -> None:
    richer = [row for account_rows in rows(world) for row in account_rows if "currency" in row]
    assert richer
    assert any("counterparty" in row for row in richer)
    assert any("reference" in row for row in richer)


def test_foreign_accounts_use_monos_spelling_and_their_invoices_the_iso_one() -> None:
    both = build_world(accounts=2, days=20, seed=3, end=END, foreign=1)
    assert [account.currency for account in both.accounts] == ["NGN", "GHC"]
    assert set(both.invoices()["currency"]) == {"NGN", "GHS"}


@pytest.mark.parametrize(("accounts", "days", "lines"), [(0, 5, None), (1, 0, None), (1, 5, 0)])
def test_a_world_of_nothing_is_refused(accounts: int, days: int, lines: int | None) -> None:
    with pytest.raises(ValueError, match="at least one account"):
        build_world(accounts, days, 1, END, lines=lines)


@pytest.mark.parametrize(
    ("shape", "wrong"), [("NIP/{NOBODY}/x,credit,business", "NOBODY"), ("x,sideways,business", "sideways")]
)
def test_a_shape_that_cannot_be_filled_is_refused(shape: str, wrong: str, tmp_path: Path) -> None:
    file = tmp_path / "shapes.csv"
    file.write_text(f"shape,direction,label\n{shape}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=wrong):
        load_shapes(file)
