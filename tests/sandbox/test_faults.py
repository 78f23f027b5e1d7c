import json
from collections import Counter

import httpx
import pytest

from sandbox.faults import MALFORMED, NAMES, NO_FAULTS, PASSING, Faults
from sandbox.server import Sandbox
from sandbox.world import World
from tests.sandbox.reading import client, get, ids, read_rows, read_world, wait_until_ready


def every(name: str) -> Faults:
    """The fault on every request, quick enough for a test."""
    return Faults.parse(f"{name}=1", slow=0.02, retry_after=0)


def truth_ids(world: World, account_id: str, *, later: bool = False) -> set[str]:
    truth = world.truth(later=later)
    return set(truth.filter(truth["account_id"] == account_id)["transaction_id"])


def raised(http: httpx.Client, path: str) -> type[Exception] | None:
    try:
        http.get(path, timeout=0.05)
    except httpx.HTTPError as error:
        return type(error)
    return None


def first_answer(world: World, name: str) -> httpx.Response:
    with Sandbox(world, faults=every(name)) as sandbox, client(sandbox) as http:
        return http.get(f"/v2/accounts/{world.account_ids[0]}")


@pytest.mark.parametrize(
    ("name", "status"), [("429", 429), ("500", 500), ("502", 502), ("timeout", 504), ("html", 200)]
)
def test_a_fault_answers_with_its_status(world: World, name: str, status: int) -> None:
    assert first_answer(world, name).status_code == status


def test_a_429_says_when_to_come_again(world: World) -> None:
    with Sandbox(world, faults=Faults.parse("429=1", retry_after=3)) as sandbox, client(sandbox) as http:
        assert http.get("/v2/accounts").headers["retry-after"] == "3"


def test_a_timeout_is_longer_than_an_impatient_client_waits(world: World) -> None:
    with Sandbox(world, faults=Faults.parse("timeout=1", slow=0.5)) as sandbox, client(sandbox) as http:
        assert raised(http, "/v2/accounts") is httpx.ReadTimeout


def test_a_cut_answer_ends_before_its_length(world: World) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        first_answer(world, "cut")


def test_an_html_answer_is_a_200_that_is_no_json(world: World) -> None:
    answer = first_answer(world, "html")
    assert answer.headers["content-type"].startswith("text/html")
    assert "<html>" in answer.text


def test_wrong_json_is_broken_or_of_another_shape(world: World) -> None:
    seen = set()
    with Sandbox(world, faults=every("badjson")) as sandbox, client(sandbox) as http:
        for page in range(1, 30):
            body = http.get(f"/v2/accounts?page={page}").text
            try:
                seen.add(type(json.loads(body)).__name__)
            except json.JSONDecodeError:
                seen.add("broken")
    assert seen == {"broken", "list", "dict"}


def test_a_stale_page_is_the_one_before_and_says_so(world: World) -> None:
    account_id = world.account_ids[0]
    with Sandbox(world, faults=every("stale")) as sandbox, client(sandbox) as http:
        assert wait_until_ready(http, account_id)
        path = f"/v2/accounts/{account_id}/transactions?limit=10&page="
        first, second = http.get(f"{path}1").json(), http.get(f"{path}2").json()
        assert second["data"] == first["data"]
        assert second["meta"]["page"] == 1
        assert sandbox.plan.shown == {"stale": 1}


@pytest.mark.parametrize("name", PASSING)
def test_a_fault_of_the_transport_passes_and_a_patient_reader_gets_everything(world: World, name: str) -> None:
    read, sandbox = read_world(world, every(name))
    assert {account: ids(rows) for account, rows in read.items()} == {
        account: truth_ids(world, account) for account in world.account_ids
    }
    assert sandbox.plan.shown[name] > len(world.account_ids)


def test_no_request_is_answered_badly_more_often_than_allowed(world: World) -> None:
    with Sandbox(world, faults=every("500")) as sandbox, client(sandbox) as http:
        for page in range(1, 20):
            statuses = [http.get(f"/v2/accounts?page={page}").status_code for _ in range(3)]
            assert statuses.index(200) in (1, 2)


def test_a_rate_is_the_share_of_requests_that_meet_the_fault(world: World) -> None:
    with Sandbox(world, faults=Faults.parse("500=0.25")) as sandbox, client(sandbox) as http:
        met = sum(http.get(f"/v2/accounts?page={page}").status_code == 500 for page in range(1, 301))
    assert 50 < met < 100


def test_the_same_seed_shows_the_same_faults(world: World) -> None:
    def shown(seed: int) -> list[int]:
        with Sandbox(world, faults=Faults.parse("429,500,502", seed=seed)) as sandbox, client(sandbox) as http:
            return [http.get(f"/v2/accounts?page={page}").status_code for page in range(1, 101)]

    assert shown(1) == shown(1)
    assert shown(1) != shown(2)


def test_a_repeated_page_comes_twice_and_nothing_is_missing(world: World) -> None:
    account_id = world.account_ids[0]
    with Sandbox(world, faults=every("repeat")) as sandbox, client(sandbox) as http:
        assert wait_until_ready(http, account_id)
        pages = [
            http.get(f"/v2/accounts/{account_id}/transactions?limit=100&page={page}").json() for page in range(1, 7)
        ]
    seen = [json.dumps(body["data"]) for body in pages]
    assert [body["meta"]["next"] is None for body in pages] == [False] * 5 + [True]
    assert sorted(Counter(seen).values()) == [1, 1, 1, 1, 2]
    assert {body["meta"]["total"] for body in pages} == {450}
    assert set().union(*(ids(body["data"]) for body in pages)) == truth_ids(world, account_id)


def test_pages_shift_while_they_are_read_and_no_earlier_line_is_lost(world: World) -> None:
    account_id = world.account_ids[0]
    with Sandbox(world, faults=every("shift")) as sandbox, client(sandbox) as http:
        rows = read_rows(http, account_id, limit=20)
        assert ids(rows) >= truth_ids(world, account_id)
        assert sandbox.plan.shown["shift"] == 3
        assert ids(read_rows(http, account_id)) == truth_ids(world, account_id, later=True)


def test_a_line_that_arrives_makes_the_next_page_begin_with_a_row_already_read(world: World) -> None:
    account_id = world.account_ids[0]
    with Sandbox(world) as sandbox, client(sandbox) as http:
        assert wait_until_ready(http, account_id)
        path = f"/v2/accounts/{account_id}/transactions?limit=10&page="
        first = http.get(f"{path}1").json()["data"]
        assert sandbox.bank.arrive(account_id)
        assert http.get(f"{path}2").json()["data"][0] == first[-1]


def test_processing_takes_longer_where_it_was_asked_for(world: World) -> None:
    with Sandbox(world, faults=every("processing")) as sandbox, client(sandbox) as http:
        path = f"/v2/accounts/{world.account_ids[0]}"
        statuses = [http.get(path).json()["data"]["meta"]["data_status"] for _ in range(5)]
        assert statuses == ["PROCESSING"] * 4 + ["AVAILABLE"]


@pytest.mark.parametrize(("name", "status"), [("dead", 500), ("gone", 404)])
def test_one_account_is_lost_and_the_others_answer(world: World, name: str, status: int) -> None:
    with Sandbox(world, faults=every(name)) as sandbox, client(sandbox) as http:
        lost = sandbox.plan.dead or sandbox.plan.gone
        for _ in range(4):
            answers = {account: http.get(f"/v2/accounts/{account}").status_code for account in world.account_ids}
            assert answers == {account: status if account == lost else 200 for account in world.account_ids}


def test_malformed_rows_come_beside_the_good_ones(world: World) -> None:
    account_id = world.account_ids[0]
    with Sandbox(world, faults=every("rows")) as sandbox, client(sandbox) as http:
        rows = read_rows(http, account_id)
        assert http.get(f"/v2/accounts/{account_id}/transactions").json()["meta"]["total"] == 450 + MALFORMED
    wrong = [row for row in rows if str(row["narration"]).startswith("MALFORMED")]
    assert len(wrong) == MALFORMED
    assert ids([row for row in rows if row not in wrong]) == truth_ids(world, account_id)
    assert sum("id" not in row for row in wrong) == 1
    assert {type(row["amount"]).__name__ for row in wrong} == {"int", "float", "str", "NoneType"}
    assert {"transfer"} < {row["type"] for row in wrong}
    assert {"2025-02-30T10:00:00.000Z", None} < {row["date"] for row in wrong}


def test_all_faults_at_once_still_leave_everything_to_a_patient_reader(world: World) -> None:
    read, sandbox = read_world(world, Faults.parse("all", slow=0.02, retry_after=0))
    lost = {sandbox.plan.dead, sandbox.plan.gone}
    assert set(read) == set(world.account_ids) - lost
    for account_id, rows in read.items():
        good = [row for row in rows if not str(row["narration"]).startswith("MALFORMED")]
        assert truth_ids(world, account_id) <= ids(good) <= truth_ids(world, account_id, later=True)
    assert sandbox.plan.requests > sum(sandbox.plan.shown[name] for name in PASSING) > 0


def test_without_faults_nothing_is_shown(world: World) -> None:
    read, sandbox = read_world(world)
    assert not sandbox.plan.shown
    assert all(ids(rows) == truth_ids(world, account) for account, rows in read.items())


def test_faults_are_read_with_and_without_a_rate() -> None:
    faults = Faults.parse("429, 500=0.5,dead,")
    assert faults.rates == {"429": 0.05, "500": 0.5, "dead": 1.0}
    assert set(Faults.parse("all").rates) == set(NAMES)
    assert Faults.parse("") == NO_FAULTS


@pytest.mark.parametrize("text", ["teapot", "429,teapot", "500=often", "500=2", "500=-0.1", "all=nan"])
def test_an_unknown_fault_or_rate_is_named_in_one_sentence(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"^(There is no fault called 'teapot'\. Known are: all, 429|The rate of fault)"
    ):
        Faults.parse(text)


def test_the_list_of_accounts_is_read_through_faults_too(world: World) -> None:
    with Sandbox(world, faults=every("html")) as sandbox, client(sandbox) as http:
        body = get(http, "/v2/accounts")
        assert body is not None
        assert isinstance(body["data"], list)
        assert len(body["data"]) == 5
