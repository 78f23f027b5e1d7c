"""Invoices in over HTTP: JSON or CSV, whole or not at all, always the token's own tenant's."""

from __future__ import annotations

from tests.gateway.town import Town, problem

PATH = "/si/invoices/import"
ROW = {
    "number": "INV-1",
    "customer_name": "Invented Buyer Ltd",
    "currency": "NGN",
    "total_amount": "1075.50",
    "issue_date": "2026-03-02",
}
CSV = "number,customer_name,currency,total_amount,issue_date\nINV-2,Invented Buyer Ltd,NGN,200.00,2026-03-02\n"


def test_json_and_csv_come_in_and_are_listed_as_the_tenants_own(town: Town) -> None:
    assert town.ask("POST", PATH, "analyst", json=[ROW]).json()["imported"] == 1
    assert town.ask("POST", PATH, "analyst", json=[ROW]).json()["unchanged"] == 1
    csv = town.ask("POST", PATH, "analyst", content=CSV.encode(), headers={"content-type": "text/csv"})
    assert csv.json()["imported"] == 1
    listed = town.ask("GET", "/si/invoices?origin=imported", "viewer").json()["data"]
    assert {(row["number"], row["amount"], row["status"]) for row in listed} == {
        ("INV-1", 107_550, "open"),
        ("INV-2", 20_000, "open"),
    }
    assert town.ask("GET", "/si/invoices", of="globex").json()["data"] == []
    one = town.ask("GET", f"/si/invoices/{listed[0]['id']}", "viewer").json()
    assert one["origin"] == "imported"
    described = town.http.get(f"{town.url}/openapi.json").json()["paths"]["/si/invoices/{id}"]["get"]["responses"][
        "200"
    ]
    kinds = described["content"]["application/json"]["schema"]["anyOf"]
    assert [set(kind["required"]) <= one.keys() for kind in kinds] == [False, True]
    problem(town.ask("POST", f"/si/invoices/{listed[0]['id']}/confirm"), 409)
    problem(town.ask("GET", f"/si/invoices/{listed[0]['id']}", of="globex"), 404)


def test_a_wrong_row_is_named_and_nothing_of_the_rest_comes_in(town: Town) -> None:
    before = town.ask("GET", "/si/invoices").json()["meta"]["total"]
    wrong = [ROW | {"number": "INV-3"}, ROW | {"number": "INV-4", "total_amount": "1.005"}]
    assert problem(town.ask("POST", PATH, "analyst", json=wrong), 422)["errors"]
    theirs = [ROW | {"number": "INV-5", "organization_id": "globex"}]
    problem(town.ask("POST", PATH, "analyst", json=theirs), 422)
    for body in (b"", b"{", b"\x00\x01", b"PK\x03\x04", b"number\nINV-6\n"):
        assert town.ask("POST", PATH, "analyst", content=body).status_code == 422
    assert town.ask("GET", "/si/invoices").json()["meta"]["total"] == before
