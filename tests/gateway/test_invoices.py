"""The draft's way over HTTP: every step by people, once, logged; suggestions; what a purge leaves."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gateway.house import PATIENCE
from resources.clock import SystemClock
from resources.erasure_home import hold_off
from resources.errors import WarehouseError
from resources.payment_status import tell_payments
from resources.signing import LocalSigner
from tests.gateway.shapes import DONE, faults
from tests.gateway.town import WORLD, Town, problem

FIRST = WORLD.account_ids[0]
BUYER = {
    "accounting_customer_party": {
        "party_name": "Invented Buyer Ltd",
        "tin": "12345678-0001",
        "postal_address": {"street_name": "1 Marina", "city_name": "Lagos", "country": "NG"},
    },
    "accounting_customer_party.email": "books@buyer.example",
}


HALF = ((b'{"note": "\\ud800"}', 400), (b'{"note": "\xed\xa0\x80"}', 400), (b'{"note": "\\u0000"}', 422))
"""Text that is no Unicode, or that no store takes."""


@pytest.fixture(scope="module")
def drafts(town: Town) -> list[dict[str, Any]]:
    """Drafts of invoices of the town's own tenant, none touched yet."""
    town.link(FIRST)
    town.http.get(f"{town.sandbox.url}/v2/accounts/{FIRST}", headers={"mono-sec-key": "x"})  # PROCESSING once
    assert town.ask("POST", "/si/mono/sync", "analyst", json={"accountId": FIRST}).status_code == 200
    found = town.ask("GET", "/si/invoices?origin=draft&kind=invoice&status=DRAFT&pageSize=500", "viewer").json()["data"]
    assert len(found) >= 4
    return list(found)


def step(town: Town, draft: dict[str, Any], name: str, role: str = "approver") -> Any:
    return town.ask("POST", f"/si/invoices/{draft['id']}/{name}", role)


def completion(draft: dict[str, Any]) -> dict[str, Any]:
    """Lines and VAT that come to what the bank line paid."""
    paid = Decimal(draft["amount"]) / 100
    vat = (paid * Decimal("7.5") / Decimal("107.5")).quantize(Decimal("0.01"))
    net = paid - vat
    part = {"taxable_amount": float(net), "tax_amount": float(vat), "tax_category": {"id": "VAT", "percent": 7.5}}
    return {
        **BUYER,
        "invoice_line": [{"item": {"name": "Goods"}, "line_extension_amount": float(net)}],
        "tax_total": [{"tax_amount": float(vat), "tax_subtotal": [part]}],
    }


def test_a_draft_becomes_a_signed_invoice_only_by_people_step_by_step(town: Town, drafts: list[dict[str, Any]]) -> None:
    draft = drafts[0]
    path = f"/si/invoices/{draft['id']}"
    for early in ("validate", "sign"):
        assert "DRAFT" in problem(step(town, draft, early), 409)["detail"]
    assert step(town, draft, "confirm").json()["status"] == "CONFIRMED"
    wanting = problem(step(town, draft, "validate"), 422)["errors"]
    assert {"accounting_customer_party.tin", "invoice_line", "tax_total"} <= {each["field"] for each in wanting}
    patched = town.ask("PATCH", path, "analyst", json=completion(draft)).json()
    assert patched["missing"] == []
    assert patched["document"]["accounting_customer_party"]["email"] == "books@buyer.example"
    validated = step(town, draft, "validate").json()
    assert validated["status"] == "VALIDATED"
    assert validated["irn"].split("-")[1] == "KOBOSIFT"
    problem(town.ask("PATCH", path, "analyst", json={"note": "late"}), 409)
    signed = step(town, draft, "sign").json()
    assert signed["status"] == "SIGNED"
    assert read_qr(town, signed["signature"]["qr"])["irn"].startswith(f"{validated['irn']}.")
    assert signed["signature"]["qrCode"].startswith("data:image/png;base64,")
    for again in ("confirm", "discard", "validate", "sign"):
        problem(step(town, draft, again), 409)
    told = town.ask("GET", path, "viewer").json()
    assert [entry["step"] for entry in told["log"]] == ["confirm", "validate", "patch", "validate", "sign"]
    assert all(entry["taken_by"] and entry["taken_at"] and entry["trace_id"] for entry in told["log"])
    assert "Invented Buyer" not in str(told["log"])
    tell_payments(town.warehouse, town.settings, SystemClock(), run_id="test")
    (paid,) = town.ask("GET", path, "viewer").json()["payments"]
    assert (paid["payment_status"], paid["cause"], paid["told_at"] is not None) == ("PAID", None, True)


def read_qr(town: Town, text: str) -> Any:
    key = serialization.load_pem_private_key(
        (town.settings.kobosift_home / "keys" / "qr-private.pem").read_bytes(), None
    )
    assert isinstance(key, rsa.RSAPrivateKey)
    way = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    return json.loads(key.decrypt(base64.b64decode(text), way))


def test_totals_and_the_reference_number_are_seen_to_by_field(town: Town, drafts: list[dict[str, Any]]) -> None:
    draft = drafts[1]
    path = f"/si/invoices/{draft['id']}"
    wrong = completion(draft) | {"irn": "no irn", "invoice_line": [{"item": {"name": "x"}, "line_extension_amount": 1}]}
    assert town.ask("PATCH", path, "analyst", json=wrong).status_code == 200
    step(town, draft, "confirm")
    fields = {each["field"] for each in problem(step(town, draft, "validate"), 422)["errors"]}
    assert {"irn", "legal_monetary_total.payable_amount"} <= fields
    for body, status in (({"no_field": 1}, 422), ([], 422), ({}, 422), (b"{", 400), (b'{"note": 1e999}', 400), *HALF):
        asked = {"content": body} if isinstance(body, bytes) else {"json": body}
        problem(town.ask("PATCH", path, "analyst", **asked), status)
    for address in (path, "/si/invoices/%00", "/si/invoices/%00/confirm", "/si/settlements/%00/accept"):
        assert town.ask("POST" if "accept" in address or "confirm" in address else "GET", address).status_code < 500


def test_no_erasure_begins_while_a_draft_is_being_signed_and_none_is_signed_during_one(
    town: Town, drafts: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    draft, home = drafts[-1], town.settings.kobosift_home
    town.ask("PATCH", f"/si/invoices/{draft['id']}", "analyst", json=completion(draft))
    step(town, draft, "confirm")
    assert step(town, draft, "validate").json()["status"] == "VALIDATED"
    monkeypatch.setattr("gateway.house.PATIENCE", replace(PATIENCE, in_all=0.05))
    let_go = hold_off(home, 1.0)
    assert "erasure is still going on" in problem(step(town, draft, "sign"), 503)["detail"]
    let_go()
    tried: list[bool] = []
    sign = LocalSigner.sign

    async def signing(*given: Any, **named: Any) -> str:
        with pytest.raises(WarehouseError, match="still going on"):
            hold_off(home, 0.0)
        tried.append(True)
        return await sign(*given, **named)

    monkeypatch.setattr(LocalSigner, "sign", signing)
    assert step(town, draft, "sign").json()["status"] == "SIGNED"
    assert tried == [True]
    hold_off(home, 1.0)()


def test_of_many_who_confirm_at_once_one_does(town: Town, drafts: list[dict[str, Any]]) -> None:
    with ThreadPoolExecutor(6) as pool:
        codes = sorted(pool.map(lambda _: step(town, drafts[2], "confirm").status_code, range(6)))
    assert codes == [200, *[409] * 5]
    assert step(town, drafts[2], "discard").json()["status"] == "DISCARDED"


def test_a_draft_of_another_tenant_is_not_there(town: Town, drafts: list[dict[str, Any]]) -> None:
    path = f"/si/invoices/{drafts[3]['id']}"
    problem(town.ask("GET", path, of="globex"), 404)
    problem(town.ask("PATCH", path, of="globex", json={"note": "x"}), 404)
    for name in ("confirm", "discard", "validate", "sign"):
        problem(town.ask("POST", f"{path}/{name}", of="globex"), 404)
    assert town.ask("GET", "/si/invoices", of="globex").json()["data"] == []
    assert town.ask("GET", path).json()["status"] == "DRAFT"


def test_what_people_added_survives_a_rule_run_and_counts_in_the_audit(
    town: Town, drafts: list[dict[str, Any]]
) -> None:
    draft = drafts[3]
    town.ask("PATCH", f"/si/invoices/{draft['id']}", "analyst", json=BUYER)
    town.ask("POST", "/si/mono/allow-deny", json={"list": "deny", "field": "tag", "match": "exact", "value": "nothing"})
    assert town.ask("POST", "/si/mono/sync", "analyst", json={"accountId": FIRST}).status_code == 200
    told = town.ask("GET", f"/si/invoices/{draft['id']}").json()
    assert told["document"]["accounting_customer_party"]["tin"] == "12345678-0001"
    assert told["missing"] == ["invoice_line", "tax_total"]
    with town.warehouse.read() as con:
        row = con.execute("SELECT missing FROM audit.drafts WHERE draft_id = ?", [draft["id"]]).fetchone()
    assert row == (["invoice_line", "tax_total"],)


def suggest(town: Town, settlement_id: str, invoice_id: str = "i") -> None:
    def work(con: Any) -> None:
        con.execute(
            """INSERT INTO settlements (settlement_id, organization_id, environment, account_id, transaction_id, day,
                invoice_id, invoice_number, strategy, status, allocated, difference, proposal, decided_at)
            VALUES (?, 'acme', 'sandbox', ?, ?, DATE '2026-03-02', ?, 'INV-1', 'amount_only', 'suggested', 1, 0,
                ?, ?)""",
            [settlement_id, FIRST, settlement_id, invoice_id, settlement_id, datetime.now(UTC)],
        )

    town.warehouse.write(work, run_id="test", note="suggest")


def test_a_suggestion_is_declined_by_its_own_tenant_and_stays_so(town: Town) -> None:
    suggest(town, "set-1")
    for name in ("accept", "decline"):
        problem(town.ask("POST", f"/si/settlements/set-1/{name}", "analyst", of="globex"), 404)
        problem(town.ask("POST", f"/si/settlements/nobody/{name}", "analyst"), 404)
    problem(town.ask("POST", "/si/settlements/set-1/accept", "analyst"), 409)  # its invoice is owed nothing
    assert town.ask("POST", "/si/settlements/set-1/decline", "analyst").json()["changed"] == ["set-1"]
    problem(town.ask("POST", "/si/settlements/set-1/accept", "analyst"), 409)


def test_unlinking_with_purge_erases_what_was_derived_and_says_that_it_was_looked_for(town: Town) -> None:
    answer = town.ask("POST", f"/si/mono/accounts/{FIRST}/unlink?purge=true").json()
    assert faults(answer, DONE) == []
    assert answer["purged"]["proved"] is True
    assert answer["purged"]["rows"] > 0
    with town.warehouse.read() as con:
        assert con.execute("SELECT count(*) FROM transactions").fetchone() == (0,)
        left = con.execute("SELECT a.fields FROM draft_additions AS a ANTI JOIN signatures USING (draft_id)").fetchall()
        assert left == []


def test_a_suggestion_is_accepted_while_its_invoice_is_owed_that_much(town: Town) -> None:
    suggest(town, "set-2", invoice_id="owed")
    town.warehouse.write(
        lambda con: con.execute(
            "INSERT INTO invoices (invoice_id, organization_id, environment, number, currency, total_amount, status)"
            " VALUES ('owed', 'acme', 'sandbox', 'INV-2', 'NGN', 1, 'open')"
        ),
        run_id="test",
        note="bill",
    )
    for _ in range(2):  # saying it again is no other thing to say
        told = town.ask("POST", "/si/settlements/set-2/accept", "analyst").json()
        assert (told["status"], told["changed"]) == ("accepted", ["set-2"])
    with town.warehouse.read() as con:
        row = con.execute(
            "SELECT status, decided_by IS NOT NULL FROM settlements WHERE settlement_id = 'set-2'"
        ).fetchone()
    assert row == ("accepted", True)
    problem(town.ask("POST", "/si/settlements/set-2/decline", "analyst"), 409)
