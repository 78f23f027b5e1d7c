"""A patient reader of the sandbox for tests: it retries, waits until an account is ready, and merges pages by id."""

import json
import ssl
from collections.abc import Mapping

import httpx

from sandbox.faults import NO_FAULTS, Faults
from sandbox.server import Sandbox
from sandbox.world import World

KEY = "an-invented-key"
# Reading the machine's certificates takes longer than most of these tests, and nothing here speaks TLS.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
Row = dict[str, object]


def client(sandbox: Sandbox) -> httpx.Client:
    return httpx.Client(base_url=sandbox.url, headers={"mono-sec-key": KEY}, timeout=60, verify=_NO_TLS)


def get(http: httpx.Client, path: str, attempts: int = 8, **query: object) -> Mapping[str, object] | None:
    """Ask until the answer is a JSON object with a list or an object as its data; None where that never comes."""
    for _ in range(attempts):
        try:
            answer = http.get(path, params={name: str(value) for name, value in query.items()})
            body = answer.json() if answer.status_code == 200 else None
        except (httpx.HTTPError, json.JSONDecodeError):
            continue
        if isinstance(body, dict) and isinstance(body.get("data"), dict | list):
            return body
    return None


def wait_until_ready(http: httpx.Client, account_id: str) -> bool:
    for _ in range(20):
        body = get(http, f"/v2/accounts/{account_id}")
        if body is None:
            return False
        data = body["data"]
        assert isinstance(data, dict)
        if data["meta"]["data_status"] == "AVAILABLE":
            return True
    return False


def read_rows(http: httpx.Client, account_id: str, limit: int = 100) -> list[Row]:
    """Read every page by its number, a page again where it says that it is another, and each row once by its id."""
    assert wait_until_ready(http, account_id)
    found: dict[str, Row] = {}
    unreadable: dict[str, Row] = {}
    page, more = 1, True
    while more:
        body = get(http, f"/v2/accounts/{account_id}/transactions", limit=limit, page=page)
        assert body is not None
        meta, rows = body["meta"], body["data"]
        assert isinstance(meta, dict)
        assert isinstance(rows, list)
        if meta["page"] != page:
            continue
        for row in rows:
            (found if "id" in row else unreadable)[str(row.get("id", row["narration"]))] = row
        page, more = page + 1, meta["next"] is not None
    return [*found.values(), *unreadable.values()]


def read_world(world: World, faults: Faults = NO_FAULTS, limit: int = 100) -> tuple[dict[str, list[Row]], Sandbox]:
    """Read all rows of all accounts that answer at all, by account id."""
    with Sandbox(world, faults=faults) as sandbox, client(sandbox) as http:
        alive = [account for account in world.account_ids if get(http, f"/v2/accounts/{account}", attempts=4)]
        return {account: read_rows(http, account, limit) for account in alive}, sandbox


def ids(rows: list[Row]) -> set[str]:
    return {str(row["id"]) for row in rows if "id" in row}
