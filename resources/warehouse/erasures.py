"""Tables `erasures`, `erased_lines`, `erased_days`: what was erased, and what therefore does not come in again.

Holds the deletion of everything of one account, or of everything older than a day, from every table that the data map
names, in one transaction with its record. What is deleted is physically gone only after `compaction.py`. Counts and
keyed hashes are all that is kept of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import duckdb
import polars as pl

from resources.errors import WarehouseError
from resources.warehouse import traces
from resources.warehouse.accounts import Account
from resources.warehouse.data_map import ERASABLE, Table
from resources.warehouse.traces import Traces


@dataclass(frozen=True)
class Scope:
    """What to erase: everything of one account, or everything booked before a day; one of the two."""

    account_id: str | None = None
    before: date | None = None


@dataclass(frozen=True)
class Request:
    """One erasure, as it was asked for."""

    erasure_id: str
    scope: Scope
    requested_at: datetime
    key: bytes
    """What ids are hashed with; it lies outside the warehouse."""

    @property
    def told(self) -> str:
        """The scope in words that name no account but as its hash."""
        account = self.scope.account_id
        return f"before {self.scope.before}" if account is None else f"account {account_hash(self.key, account)}"


@dataclass(frozen=True)
class Admission:
    """What may come in: nothing that was erased, and nothing older than what is kept."""

    key: Callable[[], bytes]
    """Gives the key that erased ids were hashed with; asked for only where something was erased."""
    first_day: date | None = None
    """The first booked day that is kept."""


@dataclass(frozen=True)
class Past:
    """An erasure as it is remembered outside the warehouse, so that a backup that is put back is purged again."""

    erasure_id: str
    scope: str
    requested_at: datetime
    counts: dict[str, int]
    before: date | None
    account_hash: str | None
    unlinked: bool
    """Whether its account was linked no more."""
    key_mark: str
    hashes: list[tuple[str, str]]
    """Of account and line, as in `erased_lines`."""
    finished_at: datetime
    """When all of it was gone: a backup made later does not hold it."""


def account_hash(key: bytes, account_id: str) -> str:
    """The keyed hash that stands for an account once it is erased."""
    return _digest(key, "account", account_id)


def preview(con: duckdb.DuckDBPyConnection, scope: Scope) -> pl.DataFrame:
    """What would be deleted: `table`, `organization_id`, `environment`, `day`, `rows`, and `amount`, in kobo, of NGN.

    Rows of tables without a day, or without a tenant, have none here.
    """
    _name_lines(con, scope)
    parts = [_PREVIEW.format(**_shape(con, table), where=where) for table, where in _deletions(scope)]
    return con.execute(" UNION ALL ".join(parts) + " ORDER BY ALL", _values(scope, " ".join(parts))).pl()


def erase(con: duckdb.DuckDBPyConnection, request: Request, name: Callable[[Traces], None]) -> dict[str, int]:
    """Delete everything in scope, and record the erasure as begun, within the open transaction.

    Args:
        con: in a transaction that nothing else has written to.
        request: what to erase.
        name: is told what the erased rows can be known by before anything is deleted, so that it can be looked for.

    Returns:
        How many rows went, by table; empty where there is nothing to erase, and then nothing is written.
    """
    _name_lines(con, request.scope)
    there = _counted(con, request.scope)
    if not there:
        return {}
    going = [(table, where) for table, where in _deletions(request.scope) if table.name in there or table.follows]
    name(traces.gather(con, going, _known(request.scope)))
    _remember(con, request)
    _remember_settled(con, request)
    counts = {table.name: _delete(con, table, where, request.scope) for table, where in going}
    counts = {table: count for table, count in counts.items() if count}
    con.execute(
        "INSERT INTO erasures (erasure_id, organization_id, environment, scope, requested_at, counts)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [request.erasure_id, *_tenant(con), request.told, request.requested_at, json.dumps(counts)],
    )
    return counts


def begun(con: duckdb.DuckDBPyConnection, erasure_id: str) -> dict[str, int] | None:
    """What an erasure deleted, by table, if its deletion is committed."""
    row = con.execute("SELECT counts FROM erasures WHERE erasure_id = ?", [erasure_id]).fetchone()
    return None if row is None else json.loads(row[0])


def unproved(con: duckdb.DuckDBPyConnection) -> set[str]:
    """The erasures whose deletion is committed, and that are not proved."""
    rows = con.execute("SELECT erasure_id FROM erasures WHERE proved IS DISTINCT FROM TRUE").fetchall()
    return {erasure_id for (erasure_id,) in rows}


def past(con: duckdb.DuckDBPyConnection, request: Request, counts: dict[str, int], *, now: datetime) -> Past:
    """What is to be remembered of an erasure that is done."""
    rows = con.execute(
        "SELECT account_hash, line_hash FROM erased_lines WHERE erased_at = ?", [request.requested_at]
    ).fetchall()
    account, before = request.scope.account_id, request.scope.before
    known = con.execute("SELECT 1 FROM accounts WHERE account_id = ?", [account]).fetchone()
    return Past(
        request.erasure_id,
        request.told,
        request.requested_at,
        counts,
        before,
        None if account is None else account_hash(request.key, account),
        known is None,
        key_mark(request.key),
        [(account_hashed, line) for account_hashed, line in rows],
        now,
    )


def remember_again(con: duckdb.DuckDBPyConnection, since: Sequence[Past]) -> None:
    """Write down again what was erased and is not in a warehouse that was put back."""
    for each in since:
        if begun(con, each.erasure_id) is not None:
            continue
        con.execute(
            "INSERT INTO erasures (erasure_id, scope, requested_at, finished_at, counts, proved)"
            " VALUES ($id, $scope, $at, $at, $counts, TRUE)",
            {"id": each.erasure_id, "scope": each.scope, "at": each.requested_at, "counts": json.dumps(each.counts)},
        )
        if each.before:
            con.execute("INSERT INTO erased_days VALUES (?, ?)", [each.before, each.requested_at])
        if each.hashes:
            _insert_hashes(con, each.hashes, each.key_mark, each.requested_at)


def accounts_kept(con: duckdb.DuckDBPyConnection) -> list[str]:
    """The accounts of which a row or a line is kept."""
    rows = con.execute("SELECT account_id FROM accounts UNION SELECT account_id FROM transactions").fetchall()
    return [account for (account,) in rows if account is not None]


def finish(con: duckdb.DuckDBPyConnection, erasure_id: str, *, proved: bool, now: datetime) -> None:
    """Record whether the look found nothing; an erasure that is not proved is not finished."""
    con.execute(
        "UPDATE erasures SET finished_at = ?, proved = ? WHERE erasure_id = ?",
        [now if proved else None, proved, erasure_id],
    )


def rows_left(con: duckdb.DuckDBPyConnection, scope: Scope, lines: Sequence[str]) -> list[str]:
    """The tables in which what was erased stands, in words; what came in since of a linked account is none of it."""
    _name_lines(con, scope)
    con.register("erased_names", pl.DataFrame({"name": lines}, {"name": pl.String()}))
    left = _counted(con, scope, None if scope.account_id is None else _not_since)
    con.unregister("erased_names")
    return [f"{count} rows of {table}" for table, count in left.items()]


def admitted(
    con: duckdb.DuckDBPyConnection,
    admission: Admission,
    linked: Sequence[Account],
    lines: pl.DataFrame,
    unreadable: pl.DataFrame,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the read rows without those that were erased since their account was linked, or are older than is kept.

    Raises:
        WarehouseError: something was erased under a key that this home does not have.
    """
    if lines.is_empty() and unreadable.is_empty():
        return lines, unreadable
    expired = con.execute("SELECT erased_at, before FROM erased_days").fetchall()
    firsts = pl.DataFrame(
        [(each.account_id, _first_day(expired, admission, each)) for each in linked],
        {"account_id": pl.String(), "first_day": pl.Date()},
        orient="row",
    )
    recent = pl.col("first_day").is_null() | (pl.col("day") >= pl.col("first_day"))
    kept = lines.join(firsts, on="account_id", maintain_order="left").filter(recent).drop("first_day")
    if _nothing_erased(con):
        return kept, unreadable
    key = _checked_key(con, admission)
    return (
        _without(con, key, linked, kept, "line", "transaction_id"),
        _without(con, key, linked, unreadable, "payload", "payload_hash"),
    )


def clear_consented(con: duckdb.DuckDBPyConnection, admission: Admission, linked: Sequence[Account]) -> None:
    """Forget what was erased of accounts before their holders consented anew."""
    if _nothing_erased(con):
        return
    key = _checked_key(con, admission)
    linked_at = [(account_hash(key, each.account_id), each.linked_at) for each in linked]
    con.register("consents", pl.DataFrame(linked_at, {"account_hash": pl.String(), "linked_at": _UTC}, orient="row"))
    for consented in (_CONSENTED, _CONSENTED.replace("erased_lines", "settled_by_erased")):
        if con.execute(f"SELECT 1 {consented} LIMIT 1").fetchone():
            con.execute(f"DELETE {consented}")
    con.unregister("consents")


def _without(
    con: duckdb.DuckDBPyConnection, key: bytes, linked: Sequence[Account], rows: pl.DataFrame, kind: str, column: str
) -> pl.DataFrame:
    """The rows but for those whose hash is among those erased since their account was linked."""
    accounts = {account_hash(key, each.account_id): each for each in linked}
    known = con.execute(
        "SELECT DISTINCT account_hash FROM erased_lines WHERE account_hash IN (SELECT unnest($accounts))",
        {"accounts": list(accounts)},
    ).fetchall()
    affected = {accounts[account].account_id: (account, accounts[account].linked_at) for (account,) in known}
    hashed = [
        (place, *affected[account], _digest(key, kind, account, name))
        for place, (account, name) in enumerate(rows.select("account_id", column).iter_rows())
        if account in affected
    ]
    if not hashed:
        return rows
    names = {"place": pl.UInt32(), "account_hash": pl.String(), "linked_at": _UTC, "line_hash": pl.String()}
    con.register("hashed_rows", pl.DataFrame(hashed, names, orient="row"))
    found = con.execute(_ERASED_SINCE).pl()
    con.unregister("hashed_rows")
    return rows.with_row_index("place").join(found, on="place", how="anti", maintain_order="left").drop("place")


def _nothing_erased(con: duckdb.DuckDBPyConnection) -> bool:
    return con.execute("SELECT 1 FROM erased_lines LIMIT 1").fetchone() is None


def _checked_key(con: duckdb.DuckDBPyConnection, admission: Admission) -> bytes:
    key = admission.key()
    if con.execute("SELECT 1 FROM erased_lines WHERE key_mark <> ? LIMIT 1", [key_mark(key)]).fetchone():
        message = (
            "lines were erased under another key than this home's, so it cannot be told which must not come back. "
            "Copy erasure/key from the home that erased them (or from its backup) to this one."
        )
        raise WarehouseError(message)
    return key


def _first_day(expired: Sequence[tuple[datetime, date]], admission: Admission, account: Account) -> date | None:
    """The first day of which an account's lines are kept; `expired` tells when days went, and those before which."""
    since = account.linked_at
    known = [admission.first_day, *(before for erased_at, before in expired if since is None or erased_at >= since)]
    return max((day for day in known if day is not None), default=None)


def key_mark(key: bytes) -> str:
    """What tells keys apart without telling them."""
    return hashlib.sha256(b"mark\x1f" + key).hexdigest()[:8]


def _digest(key: bytes, *parts: str) -> str:
    return hashlib.blake2b("\x1f".join(parts).encode(), key=key, digest_size=16).hexdigest()


def _name_lines(con: duckdb.DuckDBPyConnection, scope: Scope) -> None:
    """Gather the lines in scope in `erasing_lines`, and by what answers may mention them in `erasing_names`.

    This is the snapshot that everything that follows goes by.
    """
    where = "account_id = $account" if scope.account_id is not None else "day < $before"
    for statement in (_LINES.format(where=where), _NAMES.format(where=where)):
        con.execute(statement, _values(scope, statement))


def _remember(con: duckdb.DuckDBPyConnection, request: Request) -> None:
    """Keep the hashes of what is erased: of quarantined rows, and of an account's lines.

    Lines that retention erases are known by their day.
    """
    scope = request.scope
    where = "account_id = $account" if scope.account_id is not None else _quarantined_before()
    rows = con.execute(_PAYLOADS.format(where=where), _values(scope, where)).fetchall()
    hashed = [("payload", *row) for row in rows]
    if scope.before is None:
        lines = con.execute("SELECT DISTINCT account_id, transaction_id FROM erasing_lines").fetchall()
        hashed += [("line", *row) for row in lines]
    else:
        con.execute("DELETE FROM erased_days WHERE before <= ?", [scope.before])
        con.execute("INSERT INTO erased_days VALUES (?, ?)", [scope.before, request.requested_at])
    if not hashed:
        return
    key = request.key
    hashes = [(account_hash(key, account), _digest(key, kind, account, name)) for kind, account, name in hashed]
    _insert_hashes(con, hashes, key_mark(key), request.requested_at)


def _remember_settled(con: duckdb.DuckDBPyConnection, request: Request) -> None:
    """Keep how much of each invoice was settled: it must not open again when the line that paid it is gone."""
    settled = con.execute(_SETTLED).pl()
    if settled.is_empty():
        return
    hashes = [account_hash(request.key, account) for account in settled["account_id"]]
    con.register("settled_before", settled.drop("account_id").with_columns(account_hash=pl.Series(hashes)))
    con.execute(
        "INSERT INTO settled_by_erased BY NAME SELECT *, ? AS erased_at FROM settled_before", [request.requested_at]
    )
    con.unregister("settled_before")


def _insert_hashes(
    con: duckdb.DuckDBPyConnection, hashes: Sequence[tuple[str, str]], mark: str, erased_at: datetime
) -> None:
    frame = pl.DataFrame(hashes, {"account_hash": pl.String(), "line_hash": pl.String()}, orient="row")
    frame = frame.with_columns(key_mark=pl.lit(mark), erased_at=pl.lit(erased_at, _UTC))
    con.register("newly_erased", frame.sort("account_hash", "line_hash"))
    con.execute("INSERT INTO erased_lines SELECT * FROM newly_erased")
    con.unregister("newly_erased")


def _quarantined_before() -> str:
    (table,) = (table for table in ERASABLE if table.name == "quarantine")
    return f"{table.day} < $before"


def _deletions(scope: Scope) -> list[tuple[Table, str]]:
    """The tables that are deleted from, each with the condition of what goes."""
    found = [(table, _condition(table, scope)) for table in ERASABLE]
    return [(table, f"({where}) AND NOT coalesce({_stays(table)}, FALSE)") for table, where in found if where]


def _stays(table: Table) -> str:
    """What stays whatever is erased: such as the row of a linked account, once it is emptied."""
    if table.emptied:
        empty = " AND ".join(f"{column} IS NULL" for column in table.emptied)
        return f"(status = 'linked' AND {empty})"
    return f"({table.stays or 'FALSE'})"


def _condition(table: Table, scope: Scope) -> str | None:
    if table.mentions:
        whole = f"{table.day} < $before" if scope.account_id is None else _TOLD_OF.format(text=table.mentions)
        return f"({whole} OR {_MENTIONED.format(text=table.mentions, table=table.name)})"
    if scope.account_id is not None:
        return f"{table.account} = $account"
    if table.day:
        return f"{table.day} < $before"
    if table.line:
        return "(account_id, transaction_id) IN (SELECT (account_id, transaction_id) FROM erasing_lines)"
    return table.follows


def _counted(
    con: duckdb.DuckDBPyConnection, scope: Scope, narrowed: Callable[[Table], str] | None = None
) -> dict[str, int]:
    """How many rows each table has in scope; those that have none are left out."""
    counts = " UNION ALL ".join(
        _COUNT.format(table=table.name, where=where, narrowed=narrowed(table) if narrowed else "TRUE")
        for table, where in _deletions(scope)
    )
    return {table: count for table, count in con.execute(counts, _values(scope, counts)).fetchall() if count}


def _not_since(table: Table) -> str:
    """What tells rows that were erased from those that came in afterwards."""
    if table.account is None:
        return "TRUE"
    if "transaction_id" in table.personal:
        return "transaction_id IN (SELECT name FROM erased_names)"
    return "account_id NOT IN (SELECT account_id FROM accounts WHERE status = 'linked')"


def _delete(con: duckdb.DuckDBPyConnection, table: Table, where: str, scope: Scope) -> int:
    """Delete from one table; the row of an account that is still linked is emptied instead."""
    if table.emptied:
        sets = ", ".join(f"{column} = NULL" for column in table.emptied)
        emptied = _count(con, f"UPDATE {table.name} SET {sets} WHERE {where} AND status = 'linked'", scope)  # noqa: S608
        return emptied + _count(con, f"DELETE FROM {table.name} WHERE {where} AND status <> 'linked'", scope)  # noqa: S608
    return _count(con, f"DELETE FROM {table.name} WHERE {where}", scope)  # noqa: S608 - the map's own names


def _count(con: duckdb.DuckDBPyConnection, statement: str, scope: Scope) -> int:
    row = con.execute(statement, _values(scope, statement)).fetchone()
    return int(row[0]) if row else 0


def _known(scope: Scope) -> dict[str, object]:
    return {"account": scope.account_id, "before": scope.before}


def _values(scope: Scope, statement: str) -> dict[str, object]:
    return traces.used_in(statement, _known(scope))


def _tenant(con: duckdb.DuckDBPyConnection) -> tuple[str | None, str | None]:
    """The tenant of what is erased, where it is one."""
    rows = con.execute("SELECT DISTINCT organization_id, environment FROM erasing_lines").fetchall()
    return rows[0] if len(rows) == 1 else (None, None)


def _shape(con: duckdb.DuckDBPyConnection, table: Table) -> dict[str, str]:
    """How a table's rows are counted: by tenant and day where it has them."""
    columns = {*table.personal, *table.others}
    naira = {"amount", "currency"} <= columns
    return {
        "table": table.name,
        "organization": "organization_id" if "organization_id" in columns else "CAST(NULL AS VARCHAR)",
        "environment": "environment" if "environment" in columns else "CAST(NULL AS VARCHAR)",
        "day": table.day or "CAST(NULL AS DATE)",
        "amount": _NAIRA if naira else "CAST(NULL AS BIGINT)",
    }


_UTC = pl.Datetime("us", "UTC")
_SETTLED = """
SELECT s.organization_id, s.environment, s.invoice_id, s.account_id,
    CAST(sum(s.allocated + coalesce(s.deducted, 0)) AS BIGINT) AS amount
FROM settlements AS s SEMI JOIN erasing_lines USING (account_id, transaction_id)
WHERE s.status IN ('linked', 'accepted')
GROUP BY ALL
"""
_CONSENTED = """
FROM erased_lines WHERE EXISTS (
    SELECT 1 FROM consents AS c
    WHERE c.account_hash = erased_lines.account_hash AND erased_lines.erased_at < c.linked_at
)
"""
_ERASED_SINCE = """
SELECT DISTINCT h.place FROM hashed_rows AS h JOIN erased_lines AS e USING (account_hash, line_hash)
WHERE h.linked_at IS NULL OR e.erased_at >= h.linked_at
"""
_TOLD_OF = "regexp_matches({text}, '(^|[^A-Za-z0-9_-])' || regexp_escape($account) || '([^A-Za-z0-9_-]|$)')"
_MENTIONED = r"""{text} IN (
    SELECT told
    FROM (SELECT {text} AS told, unnest(regexp_extract_all({text}, '"((?:[^"\\]|\\.)*)"', 1)) AS name FROM {table})
    WHERE name IN (SELECT name FROM erasing_names)
)"""
_LINES = """
CREATE OR REPLACE TEMP TABLE erasing_lines AS
SELECT organization_id, environment, account_id, transaction_id FROM transactions WHERE {where}
"""
_NAMES = """
CREATE OR REPLACE TEMP TABLE erasing_names AS
SELECT transaction_id AS name FROM erasing_lines UNION SELECT draft_id FROM drafts WHERE {where}
"""
_PAYLOADS = "SELECT DISTINCT account_id, payload_hash FROM quarantine WHERE {where}"
_COUNT = """SELECT '{table}' AS "table", count(*) AS rows FROM {table} WHERE {where} AND {narrowed}"""
_NAIRA = (
    "CAST(sum(amount) FILTER (coalesce(currency, "
    "(SELECT a.currency FROM accounts AS a WHERE a.account_id = gone.account_id), 'NGN') = 'NGN') AS BIGINT)"
)
_PREVIEW = """
SELECT '{table}' AS "table", {organization} AS organization_id, {environment} AS environment, {day} AS day,
    count(*) AS rows, {amount} AS amount
FROM {table} AS gone WHERE {where} GROUP BY ALL
"""
