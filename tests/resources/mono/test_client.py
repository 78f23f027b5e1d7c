"""The client against a server that answers badly: what is asked again, what is not, and what an error says."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr

from resources.errors import (
    AccountNotFound,
    BadResponse,
    ConfigurationError,
    ReauthorisationRequired,
    Unauthorised,
    Unreachable,
    UpstreamError,
)
from resources.mono.bodies import Page
from resources.mono.client import MonoClient, Retries
from resources.mono.pace import Pace
from tests.resources.mono.scripted import Answer, Bank, Mono, Request, once, row

T = TypeVar("T")
KEY = "test_sk_canary"
QUICK = Retries(attempts=4, in_all=20.0, first_wait=0.001, longest_wait=0.002, jitter=0.001, longest_asked_for=0.3)
ANY: Callable[[Request], bool] = lambda request: True  # noqa: E731


@pytest.fixture
def mono() -> Iterator[Mono]:
    with Mono({"acc": Bank([row("b"), row("a")])}).running() as server:
        yield server


def ask(mono: Mono | str, question: Callable[[MonoClient], Awaitable[T]], **options: Any) -> T:
    url = mono if isinstance(mono, str) else mono.url

    async def run() -> T:
        async with MonoClient(url, SecretStr(KEY), rate_limit=1000, retries=QUICK, **options) as client:
            return await question(client)

    return asyncio.run(run())


def lines(client: MonoClient) -> Awaitable[Page]:
    return client.transactions("acc", date(2024, 1, 1), date(2024, 3, 1), page=1, limit=500)


def test_a_request_is_what_the_documentation_says(mono: Mono) -> None:
    assert [dict(found)["id"] for found in ask(mono, lines).rows] == ["b", "a"]  # type: ignore[call-overload]
    request = mono.requests[0]
    assert request.path == "/v2/accounts/acc/transactions"
    assert request.query == {"start": "01-01-2024", "end": "01-03-2024", "limit": "500", "page": "1"}
    assert request.headers["mono-sec-key"] == KEY
    assert "x-realtime" not in request.headers


def test_fresh_data_are_asked_for_where_that_is_set(mono: Mono) -> None:
    ask(mono, lines, realtime=True)
    ask(mono, lambda client: client.account("acc"), realtime=True)
    assert [request.headers["x-realtime"] for request in mono.requests] == ["true", "true"]


def test_without_a_key_none_is_sent(mono: Mono) -> None:
    async def run() -> None:
        async with MonoClient(mono.url) as client:
            await client.reachable()

    asyncio.run(run())
    assert "mono-sec-key" not in mono.requests[0].headers


def test_a_key_that_cannot_be_sent_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="MONO_SECRET_KEY"):
        MonoClient("http://127.0.0.1:1", SecretStr("sk\u20a6"))


@pytest.mark.parametrize(
    "bad",
    [
        Answer({"message": "slow down"}, 429),
        Answer(None, 408),
        Answer({"message": "oops"}, 500),
        Answer(b"<html>Bad gateway</html>", 502),
        Answer(b"<html>Back soon</html>", 200),
        Answer(b'{"data": [', 200),
        Answer(b"\xff\xfe\xfa", 200),
        Answer("text", 200),
        Answer(["not", "an", "object"], 200),
        Answer({"status": "successful", "data": "none", "meta": 7}, 200),
        Answer({"status": "successful"}, 200),
        Answer({"data": []}, cut=True),
        Answer(b"[" * 100_000, 200),
    ],
)
def test_what_may_pass_is_asked_again(mono: Mono, bad: Answer) -> None:
    mono.tricks.append(once(ANY, lambda _: bad, times=3))
    assert len(ask(mono, lines).rows) == 2
    assert len(mono.requests) == 4


def test_a_connection_that_breaks_before_any_answer_is_made_again(mono: Mono) -> None:
    mono.tricks.append(once(ANY, lambda _: Answer(b"", headers={"content-length": "90"}, cut=True), times=2))
    assert len(ask(mono, lines).rows) == 2


@pytest.mark.parametrize(
    ("status", "body", "error", "says"),
    [
        (400, {"message": "Invalid id query parameter"}, BadResponse, "Invalid id query parameter"),
        (401, {"error": "failed", "error_description": "invalid request"}, Unauthorised, "invalid request"),
        (402, {"message": "pay"}, Unauthorised, "pay"),
        (403, {"message": "subscription plan does not cover endpoint"}, Unauthorised, "does not cover"),
        (404, {"message": "This account does not exist."}, AccountNotFound, "does not exist"),
        (401, {"message": "Re-authentication is required"}, ReauthorisationRequired, "Re-authentication"),
        (400, {"message": "x", "code": "REAUTHORISATION_REQUIRED"}, ReauthorisationRequired, "log in at the bank"),
        (200, {"message": "Account needs reauthorization", "data": None}, ReauthorisationRequired, "reauth"),
        (302, {}, BadResponse, "302"),
        (410, b"<html>gone</html>", BadResponse, "410"),
    ],
)
def test_no_other_refusal_is_asked_again(
    mono: Mono, status: int, body: Any, error: type[UpstreamError], says: str
) -> None:
    mono.tricks.append(lambda _: Answer(body, status, {"location": "/elsewhere"}))
    with pytest.raises(error, match=says):
        ask(mono, lines)
    assert len(mono.requests) == 1


@pytest.mark.parametrize(
    ("bad", "error", "says"),
    [
        (Answer({"message": "oops"}, 503), Unreachable, "status 503: oops"),
        (Answer(b"<html>", 200), BadResponse, "documentation"),
        (Answer({"data": []}, cut=True), Unreachable, "broke off"),
    ],
)
def test_a_failure_that_lasts_is_given_up(mono: Mono, bad: Answer, error: type[UpstreamError], says: str) -> None:
    mono.tricks.append(lambda _: bad)
    with pytest.raises(error, match=says):
        ask(mono, lines)
    assert len(mono.requests) == QUICK.attempts


def test_an_upstream_that_is_not_there_is_unreachable_and_soon_given_up() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(Unreachable, match="MONO_BASE_URL"):
        ask(url, lines)


def test_where_nobody_was_answered_the_others_try_but_once(mono: Mono) -> None:
    mono.tricks.append(lambda _: Answer({"data": []}, cut=True))

    async def three(client: MonoClient) -> list[object]:
        return [(await asyncio.gather(lines(client), return_exceptions=True))[0] for _ in range(3)]

    assert all(isinstance(error, Unreachable) for error in ask(mono, three))
    assert len(mono.requests) == QUICK.attempts + 2


@pytest.mark.parametrize(
    "told",
    ["1", format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True), "3600"],
    ids=["seconds", "a date an hour ahead", "too many seconds"],
)
def test_a_wait_that_is_asked_for_is_kept_within_a_bound(mono: Mono, told: str) -> None:
    mono.tricks.append(once(ANY, lambda _: Answer(None, 429, {"retry-after": told})))
    ask(mono, lines)
    first, second = (request.moment for request in mono.requests)
    assert 0.29 <= second - first < 5


def test_a_wait_that_makes_no_sense_is_ours(mono: Mono) -> None:
    mono.tricks.append(once(ANY, lambda _: Answer(None, 503, {"retry-after": "soon"})))
    assert len(ask(mono, lines).rows) == 2


def test_an_error_never_holds_the_key_or_the_query(mono: Mono) -> None:
    mono.tricks.append(lambda _: Answer({"message": f"the key {KEY} is wrong"}, 401))
    with pytest.raises(Unauthorised) as caught:
        ask(mono, lines)
    assert KEY not in str(caught.value)
    assert "***" in str(caught.value)
    mono.tricks[0] = lambda _: Answer({}, cut=True)
    with pytest.raises(Unreachable) as broken:
        ask(mono, lines)
    assert KEY not in repr(broken.value) + repr(broken.value.__cause__)
    assert "start=" not in str(broken.value)


def test_what_utf_8_cannot_hold_arrives_replaced(mono: Mono) -> None:
    body = b'{"data": {"full_name": "A\\ud800", "\\uDC00": "\\ud83d\\ude00"}}'
    mono.tricks.append(lambda request: Answer(body))
    told = ask(mono, lambda client: client.identity("acc"))["data"]
    assert told == {"full_name": "A\ufffd", "\ufffd": "\U0001f600"}


def test_a_number_beyond_all_exponents_arrives_as_text(mono: Mono) -> None:
    mono.tricks.append(lambda request: Answer(b'{"data": {"balance": 1e400, "rate": -1e-99999999999999999999}}'))
    told = ask(mono, lambda client: client.balance("acc"))["data"]
    assert told == {"balance": "1e400", "rate": "-1e-99999999999999999999"}


def test_a_bvn_whose_key_is_escaped_arrives_no_more_whole_than_another(mono: Mono) -> None:
    mono.tricks.append(lambda request: Answer(b'{"data": {"\\u0062vn": "22000000012"}}'))
    assert ask(mono, lambda client: client.identity("acc"))["data"] == {"bvn": "0012"}


def test_a_bvn_never_arrives_whole(mono: Mono) -> None:
    answers = {
        "/v2/accounts/acc/identity": {"data": {"bvn": "22000000012", "full_name": "Ade Okoro"}},
        "/v2/accounts": {"data": [{"id": "acc", "bvn": 22000000019}, {"id": "b", "bvn": "N/A"}]},
        "/v2/accounts/acc/balance": {"data": {"narration": "BVN 22000000012 paid", "nested": [{"BVN": "22000000012"}]}},
    }
    mono.tricks.append(lambda request: Answer(answers[request.path]))
    assert ask(mono, lambda client: client.identity("acc"))["data"] == {"bvn": "0012", "full_name": "Ade Okoro"}
    assert ask(mono, lambda client: client.accounts())["data"] == [
        {"id": "acc", "bvn": "0019"},
        {"id": "b", "bvn": None},
    ]
    balance = ask(mono, lambda client: client.balance("acc"))["data"]
    assert balance == {"narration": "BVN 0012 paid", "nested": [{"BVN": "0012"}]}


@pytest.mark.parametrize(
    ("body", "rows", "total", "more"),
    [
        ({"data": [{"id": "a"}], "meta": {"total": 3, "next": "x"}}, 1, 3, True),
        ({"data": [{"_id": "a"}], "paging": {"total": 1, "next": None}}, 1, 1, False),
        ({"data": [], "meta": {"total": "7"}}, 0, 7, None),
        ({"data": [{"id": "a"}, "junk"]}, 2, None, None),
        ({"data": {"transactions": [{"id": "a"}], "meta": {"total": 1}}}, 1, 1, None),
        ({"data": [1], "meta": None}, 1, None, None),
    ],
)
def test_either_shape_of_a_page_is_read(mono: Mono, body: Any, rows: int, total: int | None, more: bool | None) -> None:
    mono.tricks.append(lambda _: Answer(body))
    page = ask(mono, lines)
    assert (len(page.rows), page.total, page.more, page.ready) == (rows, total, more, True)


def test_a_page_without_a_list_is_not_ready_and_names_its_job(mono: Mono) -> None:
    mono.tricks.append(lambda _: Answer({"status": "successful", "data": None}, headers={"x-job-id": "job-1"}))
    page = ask(mono, lines)
    assert (page.ready, page.job_id) == (False, "job-1")


def test_numbers_arrive_exactly(mono: Mono) -> None:
    body = b'{"data": [{"a": 0.12345678901234567890, "b": 1e999, "c": NaN, "d": 500.0, "e": %s}]}' % (b"9" * 5000)
    mono.tricks.append(lambda _: Answer(body))
    (found,) = ask(mono, lines).rows
    assert isinstance(found, dict)
    assert str(found["a"]) == "0.12345678901234567890"
    assert (found["c"], found["d"]) == ("NaN", 500.0)
    assert found["e"] == "9" * 5000


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"account": {"id": "acc", "name": "Ade", "currency": "Naira"}, "meta": {"data_status": "available"}}},
        {"data": {"_id": "acc", "name": "Ade", "currency": "ngn"}, "meta": {"data_status": "AVAILABLE"}},
        {"id": "acc", "name": " Ade ", "currency": "NGN", "data_status": "AVAILABLE"},
    ],
)
def test_either_shape_of_an_account_is_read(mono: Mono, body: Any) -> None:
    mono.tricks.append(lambda _: Answer(body))
    found = ask(mono, lambda client: client.account("acc"))
    assert found is not None
    assert (found.details.holder, found.details.currency, found.data_status) == ("Ade", "NGN", "AVAILABLE")
    mono.tricks[0] = lambda _: Answer({"status": "successful", "data": None})
    assert ask(mono, lambda client: client.account("acc")) is None


def test_linking_and_unlinking(mono: Mono) -> None:
    answers = [Answer({"id": "acc-1"}), Answer({"data": {"id": "acc-2"}}), Answer({"data": {"mono_url": "https://x"}})]
    mono.tricks.append(lambda _: answers.pop(0) if answers else None)
    assert ask(mono, lambda client: client.exchange("code")) == "acc-1"
    assert ask(mono, lambda client: client.exchange("code")) == "acc-2"
    assert ask(mono, lambda client: client.initiate({"scope": "auth"}))["data"] == {"mono_url": "https://x"}
    ask(mono, lambda client: client.unlink("acc"))
    ask(mono, lambda client: client.unlink("nobody's"))
    assert [(request.method, request.path, request.body) for request in mono.requests][-4:] == [
        ("POST", "/v2/accounts/auth", {"code": "code"}),
        ("POST", "/v2/accounts/initiate", {"scope": "auth"}),
        ("POST", "/v2/accounts/acc/unlink", None),
        ("POST", "/v2/accounts/nobody%27s/unlink", None),
    ]


def test_income_and_its_records_are_asked_for_as_documented(mono: Mono) -> None:
    ask(mono, lambda client: client.income("acc", 6))
    ask(mono, lambda client: client.income("acc"))
    ask(mono, lambda client: client.income_records("acc", 2))
    assert [(request.path, request.query) for request in mono.requests] == [
        ("/v2/accounts/acc/income", {"period": "6"}),
        ("/v2/accounts/acc/income", {}),
        ("/v2/accounts/acc/income-records", {"page": "2"}),
    ]


def test_no_second_sees_more_requests_than_the_limit() -> None:
    async def starts() -> list[float]:
        pace, loop = Pace(20), asyncio.get_running_loop()
        moments: list[float] = []

        async def one() -> None:
            await pace.turn()
            moments.append(loop.time())

        await asyncio.gather(*(one() for _ in range(45)))
        return moments

    moments = asyncio.run(starts())
    assert moments == sorted(moments)
    assert all(later - earlier >= 0.999 for earlier, later in zip(moments, moments[20:], strict=False))


def test_a_pace_of_less_than_one_a_second_is_kept() -> None:
    async def gap() -> float:
        pace, loop = Pace(0.5), asyncio.get_running_loop()
        pace._window = 0.05  # the arithmetic is what matters, not the two seconds
        await pace.turn()
        before = loop.time()
        await pace.turn()
        return loop.time() - before

    assert Pace(0.5)._window == 2.0
    assert asyncio.run(gap()) >= 0.045


def test_no_more_requests_are_under_way_than_the_limit(mono: Mono) -> None:
    under_way, most = [0], [0]
    real = mono.answer

    def count(request: Request) -> Answer:
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        try:
            import time

            time.sleep(0.02)
            return real(request)
        finally:
            under_way[0] -= 1

    mono.answer = count  # type: ignore[method-assign]

    async def many(client: MonoClient) -> None:
        await asyncio.gather(*(lines(client) for _ in range(12)))

    ask(mono, many, concurrency=3)
    assert most[0] <= 3
