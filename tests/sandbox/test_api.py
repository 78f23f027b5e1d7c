import re
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from sandbox.app import Options
from sandbox.server import Sandbox
from sandbox.world import World
from tests.sandbox.reading import KEY, client, ids, read_rows, wait_until_ready

NO_ACCOUNT = {"status": "failed", "message": "This account does not exist.", "data": None}
SEVEN = ["id", "narration", "amount", "type", "balance", "date", "category"]


def keys(value: object) -> set[str]:
    assert isinstance(value, dict)
    return set(value)


@pytest.fixture(scope="module")
def account(world: World, http: httpx.Client) -> str:
    """An account that is ready."""
    assert wait_until_ready(http, world.account_ids[0])
    return world.account_ids[0]


def test_a_request_without_a_key_is_unauthorised(sandbox: Sandbox) -> None:
    for path in ("/v2/accounts", f"/v2/accounts/{'0' * 24}/transactions"):
        answer = httpx.get(f"{sandbox.url}{path}")
        assert answer.status_code == 401
        assert answer.json()["status"] == "failed"


def test_where_a_key_is_configured_no_other_is_accepted(world: World) -> None:
    with Sandbox(world, options=Options(secret_key="the-one")) as sandbox, client(sandbox) as http:
        assert http.get("/v2/accounts").status_code == 401
        assert http.get("/v2/accounts", headers={"mono-sec-key": "the-one"}).status_code == 200


def test_accounts_are_listed_with_the_documented_fields(world: World, http: httpx.Client) -> None:
    body = http.get("/v2/accounts").json()
    assert keys(body) == {"status", "message", "timestamp", "data", "meta"}
    assert [account["id"] for account in body["data"]] == world.account_ids
    assert list(body["data"][0]) == [
        *("id", "name", "account_number", "currency", "balance", "auth_method", "status", "bvn", "type"),
        *("institution", "customer"),
    ]
    assert keys(body["data"][0]["institution"]) == {"id", "name", "bank_code", "type"}
    assert keys(body["data"][0]["customer"]) == {"id", "name"}
    assert body["meta"] == {"total": 5, "pages": 1, "previous": None, "next": None}


def test_details_are_processing_first_and_available_then(world: World, http: httpx.Client) -> None:
    first, second = (http.get(f"/v2/accounts/{world.account_ids[4]}").json()["data"] for _ in range(2))
    assert first["meta"]["data_status"] == "PROCESSING"
    assert first["meta"]["retrieved_data"] == []
    assert second["meta"]["data_status"] == "AVAILABLE"
    assert second["meta"]["retrieved_data"] == ["identity", "balance", "transactions"]
    assert keys(second) == {"account", "customer", "meta"}
    assert keys(second["meta"]) == {"data_status", "auth_method", "data_request_id", "session_id", "retrieved_data"}
    assert keys(second["account"]) == {
        *("id", "name", "currency", "type", "account_number", "balance", "bvn", "institution"),
    }
    assert len(second["account"]["bvn"]) == 4


def test_an_account_that_is_processing_answers_an_empty_200(world: World) -> None:
    with Sandbox(world) as sandbox, client(sandbox) as http:
        one = f"/v2/accounts/{world.account_ids[0]}"
        answer = http.get(f"{one}/transactions")
        assert answer.status_code == 200
        assert answer.json()["data"] == []
        assert answer.json()["meta"] == {"total": 0, "page": 1, "previous": None, "next": None}
        assert http.get(f"{one}/identity").json()["data"] is None
        assert http.get(f"{one}/income-records").json()["data"] == []


def test_identity_has_the_documented_fields(http: httpx.Client, account: str) -> None:
    data = http.get(f"/v2/accounts/{account}/identity").json()["data"]
    assert list(data) == [
        *("full_name", "bvn", "phone", "gender", "dob", "address_line1", "state_of_origin", "lga_of_origin"),
        *("marital_status", "verified", "created_at", "updated_at"),
    ]
    assert re.fullmatch(r"\d{11}", data["bvn"])


def test_balance_has_the_documented_fields_and_is_the_newest_stated(http: httpx.Client, account: str) -> None:
    data = http.get(f"/v2/accounts/{account}/balance").json()["data"]
    assert list(data) == ["id", "name", "account_number", "balance", "currency"]
    rows = http.get(f"/v2/accounts/{account}/transactions").json()["data"]
    assert data["balance"] == next(row["balance"] for row in rows if row["balance"] is not None)


def test_income_is_promised_by_webhook(http: httpx.Client, account: str) -> None:
    body = http.get(f"/v2/accounts/{account}/income", params={"period": 6}).json()
    assert body["data"] is None
    assert "sent to you through your webhook" in body["message"]


def test_a_plan_that_does_not_cover_income_is_said_as_mono_says_it(world: World) -> None:
    with Sandbox(world, options=Options(covers_income=False)) as sandbox, client(sandbox) as http:
        answer = http.get(f"/v2/accounts/{world.account_ids[0]}/income")
        assert answer.status_code == 401
        assert answer.json()["message"] == "subscription plan does not cover endpoint"
        records = http.get(f"/v2/accounts/{world.account_ids[0]}/income-records")
        assert records.status_code == 401
        assert records.json() == {"error": "failed", "error_description": "invalid request"}


def test_income_records_have_the_documented_fields_and_totals_that_add_up(http: httpx.Client, account: str) -> None:
    body = http.get(f"/v2/accounts/{account}/income-records", params={"page": 1}).json()
    assert body["meta"] == {"total": len(body["data"]), "pages": 1, "previous": None, "next": None}
    record = body["data"][0]
    assert list(record) == ["income", "app", "created_at", "updated_at"]
    income = record["income"]
    assert list(income) == [
        *("account", "account_name", "account_number", "income_summary", "income_streams", "income_source_type"),
        *("first_transaction_date", "last_transaction_date", "period", "number_of_income_streams", "total_income"),
        *("annual_income", "monthly_income", "aggregated_monthly_average", "aggregated_monthly_average_regular"),
        *("aggregated_monthly_average_irregular", "total_regular_income_amount", "total_irregular_income_amount"),
    ]
    assert list(income["income_streams"][0]) == [
        *("income_type", "frequency", "monthly_average", "average_income_amount", "currency", "stability"),
        *("first_income_date", "last_income_date", "last_income_amount", "last_income_description"),
        *("periods_with_income", "number_of_incomes", "number_of_months"),
    ]
    sums = [stream["average_income_amount"] * stream["number_of_incomes"] for stream in income["income_streams"]]
    assert income["total_income"] == sum(sums)
    assert income["number_of_income_streams"] == len(sums)


def test_transactions_have_the_documented_fields_newest_first(http: httpx.Client, account: str) -> None:
    body = http.get(f"/v2/accounts/{account}/transactions", params={"limit": 30}).json()
    assert list(body) == ["status", "message", "timestamp", "data", "meta"]
    assert list(body["meta"]) == ["total", "page", "previous", "next"]
    assert [row["date"] for row in body["data"]] == sorted((row["date"] for row in body["data"]), reverse=True)
    for row in body["data"]:
        assert list(row)[:7] == SEVEN
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["date"])


def test_all_pages_together_are_all_lines_each_once(world: World, http: httpx.Client) -> None:
    truth = world.truth()
    for account_id in world.account_ids:
        rows = read_rows(http, account_id, limit=70)
        assert ids(rows) == set(truth.filter(truth["account_id"] == account_id)["transaction_id"])


def test_a_page_never_holds_more_than_the_cap_whatever_was_asked(
    http: httpx.Client, account: str, world: World
) -> None:
    body = http.get(f"/v2/accounts/{account}/transactions", params={"limit": 5000}).json()
    assert len(body["data"]) == 100
    with Sandbox(world, options=Options(page_cap=7, processing_calls=0)) as sandbox, client(sandbox) as other:
        assert len(other.get(f"/v2/accounts/{account}/transactions", params={"limit": 50}).json()["data"]) == 7


def test_next_is_null_on_the_last_page_and_beyond_it_nothing_comes(http: httpx.Client, account: str) -> None:
    last = http.get(f"/v2/accounts/{account}/transactions", params={"limit": 100, "page": 5}).json()
    assert len(last["data"]) == 50
    assert last["meta"]["next"] is None
    beyond = http.get(f"/v2/accounts/{account}/transactions", params={"limit": 100, "page": 6}).json()
    assert beyond["data"] == []
    assert beyond["meta"]["next"] is None


def test_the_next_address_lacks_accounts_as_in_the_documentation_and_leads_nowhere(
    http: httpx.Client, account: str
) -> None:
    following = http.get(f"/v2/accounts/{account}/transactions").json()["meta"]["next"]
    assert urlsplit(following).path == f"/v2/{account}/transactions"
    assert http.get(following).status_code == 404


def test_a_window_holds_the_lines_of_its_first_and_last_utc_day(http: httpx.Client, account: str) -> None:
    everything = read_rows(http, account)
    window = {"start": "10-03-2026", "end": "12-03-2026", "limit": 100}
    body = http.get(f"/v2/accounts/{account}/transactions", params=window).json()
    expected = {str(row["id"]) for row in everything if "2026-03-10" <= str(row["date"])[:10] <= "2026-03-12"}
    assert expected
    assert ids(body["data"]) == expected
    assert body["meta"]["total"] == len(expected)


def test_a_window_without_lines_is_an_empty_200(http: httpx.Client, account: str) -> None:
    body = http.get(f"/v2/accounts/{account}/transactions", params={"start": "01-01-2020", "end": "02-01-2020"}).json()
    assert (body["data"], body["meta"]["total"], body["meta"]["next"]) == ([], 0, None)


@pytest.mark.parametrize(
    "query", ["start=2026-03-01", "end=2026-03-01", "start=31-02-2026", "page=0", "limit=x", "type=in"]
)
def test_a_wrong_parameter_is_a_400_that_names_it(http: httpx.Client, account: str, query: str) -> None:
    answer = http.get(f"/v2/accounts/{account}/transactions?{query}")
    assert answer.status_code == 400
    assert f"Invalid {query.split('=')[0]} query parameter" in answer.json()["message"]


def test_lines_are_filtered_by_type_and_by_a_part_of_the_narration(http: httpx.Client, account: str) -> None:
    debits = http.get(f"/v2/accounts/{account}/transactions", params={"type": "debit"}).json()
    assert {row["type"] for row in debits["data"]} == {"debit"}
    found = http.get(f"/v2/accounts/{account}/transactions", params={"narration": "stamp duty"}).json()
    assert found["data"]
    assert all("STAMP DUTY" in row["narration"] for row in found["data"])


def test_paginate_false_gives_everything_at_once(http: httpx.Client, account: str) -> None:
    body = http.get(f"/v2/accounts/{account}/transactions", params={"paginate": "false", "limit": 10}).json()
    assert len(body["data"]) == body["meta"]["total"] == 450
    assert body["meta"]["next"] is None


def test_the_older_shape_has_its_own_names(world: World) -> None:
    with Sandbox(world, options=Options(old_shapes=True, processing_calls=0)) as sandbox, client(sandbox) as http:
        body = http.get(f"/v2/accounts/{world.account_ids[0]}/transactions").json()
        assert "_id" in body["data"][0]
        assert "id" not in body["data"][0]
        assert body["paging"]["total"] == 450


@pytest.mark.parametrize(
    "what", ["", "/identity", "/balance", "/income", "/income-records", "/transactions", "/jobs/x"]
)
def test_an_unknown_account_is_the_documented_404(http: httpx.Client, what: str) -> None:
    answer = http.get(f"/v2/accounts/{'0' * 24}{what}")
    assert answer.status_code == 404
    assert answer.json() == NO_ACCOUNT


def test_an_unlinked_account_is_gone_until_it_is_linked_anew(world: World) -> None:
    account_id = world.account_ids[1]
    with Sandbox(world) as sandbox, client(sandbox) as http:
        body = http.post(f"/v2/accounts/{account_id}/unlink").json()
        assert keys(body) == {"status", "message", "timestamp"}
        again = http.post(f"/v2/accounts/{account_id}/unlink")
        assert (again.status_code, again.json()) == (404, NO_ACCOUNT)
        assert http.get(f"/v2/accounts/{account_id}/balance").status_code == 404
        assert len(http.get("/v2/accounts").json()["data"]) == 4
        assert http.post("/v2/accounts/auth", json={"code": f"code_{account_id}"}).json()["data"] == {"id": account_id}
        assert http.get(f"/v2/accounts/{account_id}/balance").status_code == 200


def test_a_link_is_initiated_consented_to_and_exchanged(world: World) -> None:
    with Sandbox(world) as sandbox, client(sandbox) as http:
        asked = {"customer": {"name": "A", "email": "a@a.example"}, "meta": {"ref": "ref-0123456789"}, "scope": "auth"}
        asked["redirect_url"] = "http://127.0.0.1:1/back?x=1"
        data = http.post("/v2/accounts/initiate", json=asked).json()["data"]
        assert keys(data) == {"mono_url", "customer", "meta", "scope", "redirect_url", "created_at"}
        answer = httpx.get(data["mono_url"])
        assert answer.status_code == 302
        code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        exchanged = http.post("/v2/accounts/auth", json={"code": code}).json()["data"]["id"]
        assert exchanged in world.account_ids


def test_a_reauthorisation_leads_back_to_its_account(world: World) -> None:
    account_id = world.account_ids[2]
    with Sandbox(world, options=Options(processing_calls=0)) as sandbox, client(sandbox) as http:
        sandbox.bank.require_reauthorisation(account_id)
        refused = http.get(f"/v2/accounts/{account_id}/transactions")
        assert refused.status_code == 403
        assert "reauth" in refused.json()["message"]
        asked = {
            "account": account_id,
            "scope": "reauth",
            "meta": {"ref": "099777"},
            "redirect_url": "http://b.example",
        }
        data = http.post("/v2/accounts/initiate", json=asked).json()["data"]
        code = urlsplit(data["mono_url"]).path.rsplit("/", 1)[1]
        assert http.post("/v2/accounts/auth", json={"code": code}).json()["data"]["id"] == account_id
        assert http.get(f"/v2/accounts/{account_id}/transactions").json()["data"]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"code": "nothing"}', b'{"code": "code_nothing"}', b"\xff"])
def test_a_code_that_was_never_given_is_refused(http: httpx.Client, body: bytes) -> None:
    assert http.post("/v2/accounts/auth", content=body).status_code == 400


def test_a_link_needs_a_customer_and_an_address_to_return_to(http: httpx.Client) -> None:
    assert http.post("/v2/accounts/initiate", json={"customer": {}}).status_code == 400
    unknown = {"account": "0" * 24, "scope": "reauth", "redirect_url": "http://b.example"}
    assert http.post("/v2/accounts/initiate", json=unknown).status_code == 404


def test_a_realtime_request_brings_a_new_line_and_one_job_a_session(world: World) -> None:
    account_id = world.account_ids[0]
    with Sandbox(world, options=Options(processing_calls=0)) as sandbox, client(sandbox) as http:
        path, asked = f"/v2/accounts/{account_id}/transactions", {"x-realtime": "true"}
        before = http.get(path)
        assert "x-job-id" not in before.headers
        first, second = (http.get(path, headers=asked) for _ in range(2))
        assert first.json()["meta"]["total"] == before.json()["meta"]["total"] + 1
        assert first.headers["x-job-status"] == "finished"
        assert first.headers["x-has-new-data"] == "true"
        assert "x-has-new-data" not in second.headers
        assert first.headers["x-job-id"] == second.headers["x-job-id"]
        job = http.get(f"/v2/accounts/{account_id}/jobs/{first.headers['x-job-id']}").json()["data"]
        assert keys(job) == {"id", "status", "name", "account", "business", "app"}
        assert (job["status"], job["name"]) == ("finished", "jobs.accounts.sync_statement")
        assert http.get(f"/v2/accounts/{account_id}/jobs/unknown").status_code == 404


def test_a_realtime_request_that_takes_long_is_enqueued(world: World) -> None:
    options = Options(processing_calls=0, realtime_ready=False)
    with Sandbox(world, options=options) as sandbox, client(sandbox) as http:
        path, asked = f"/v2/accounts/{world.account_ids[0]}/transactions", {"x-real-time": "true"}
        first = http.get(path, headers=asked)
        assert first.headers["x-job-status"] == "processing"
        assert first.json()["data"] is None
        assert "is enqueued" in first.json()["message"]
        assert http.get(path, headers=asked).json()["data"]


def test_lines_settle_are_corrected_and_are_added(world: World) -> None:
    account_id = world.account_ids[0]
    with Sandbox(world, options=Options(processing_calls=0)) as sandbox, client(sandbox) as http:
        before = {str(row["id"]): row for row in read_rows(http, account_id)}
        pending = [key for key, row in before.items() if row.get("status") == "pending"]
        assert sandbox.bank.settle(account_id) == len(pending) > 0
        sandbox.bank.correct(account_id, pending[0], amount=123, date="2026-02-01T10:00:00.000Z")
        sandbox.bank.add(account_id, {**before[pending[1]], "id": "f" * 24, "date": "no date"})
        after = {str(row["id"]): row for row in read_rows(http, account_id)}
        assert not [row for row in after.values() if row.get("status") == "pending" and row["id"] != "f" * 24]
        assert after[pending[0]]["amount"] == 123
        assert set(after) == {*before, "f" * 24}
        window = {"start": "01-02-2026", "end": "01-02-2026"}
        moved = http.get(f"/v2/accounts/{account_id}/transactions", params=window).json()["data"]
        assert pending[0] in ids(moved)
        today = datetime.now(UTC).strftime("%d-%m-%Y")
        newest = http.get(
            f"/v2/accounts/{account_id}/transactions", params={"start": "29-03-2026", "end": today}
        ).json()
        assert "f" * 24 in ids(newest["data"])
        with pytest.raises(KeyError):
            sandbox.bank.correct(account_id, "unknown", amount=1)


def test_no_label_and_nothing_of_the_truth_is_ever_served(world: World, http: httpx.Client, account: str) -> None:
    paths = ["", "/identity", "/balance", "/income", "/income-records", "/transactions?paginate=false"]
    texts = [http.get(f"/v2/accounts/{account}{path}").text for path in paths] + [http.get("/v2/accounts").text]
    for word in ("not_business", '"business":"', '"label"', '"shape"', "less_wht", '"pays"', '"how"', "org_", "{REF}"):
        served = [text for text in texts if word in text]
        assert not served, word
    for path in ("/truth", "/truth.parquet", "/invoices.csv", "/accounts.json", "/v2/truth", "/docs", "/openapi.json"):
        assert http.get(path).status_code == 404


def test_the_key_is_sent_as_a_header_alone(http: httpx.Client) -> None:
    assert KEY not in http.get("/v2/accounts").text
    assert httpx.get(http.base_url.join(f"/v2/accounts?mono-sec-key={KEY}")).status_code == 401


def test_a_page_of_a_hundred_rows_is_served_within_milliseconds(http: httpx.Client, account: str) -> None:
    path = f"/v2/accounts/{account}/transactions?limit=100"
    taken = sorted(http.get(path).elapsed for _ in range(30))
    assert taken[len(taken) // 4] < timedelta(milliseconds=30)


def test_days_are_read_as_day_month_year(http: httpx.Client, account: str) -> None:
    body = http.get(f"/v2/accounts/{account}/transactions", params={"start": "05-03-2026", "end": "05-03-2026"}).json()
    assert {row["date"][:10] for row in body["data"]} <= {date(2026, 3, 5).isoformat()}
    assert body["data"]
