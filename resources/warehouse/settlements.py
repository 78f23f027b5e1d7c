"""Table `settlements`: what settles which invoice, by a rule or by a person, and what people said of it.

Holds its SQL, and that of the candidates that lost and of the tenants that wait to be settled. Whole tenants are read
and replaced, those of the registered frame `batch_tenants` (organization_id, environment), within an open transaction;
a settlement that would only be said again stays as it was. How payments are settled is in `rules/reconciliation.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb
import polars as pl

from resources.errors import ConfigurationError
from resources.warehouse.frames import frame_of
from rules.books import CANDIDATES, PAYMENTS, SETTLEMENTS, STANDING, Reconciled

_TENANT = "organization_id, environment"
_COMPARED = [*(name for name in SETTLEMENTS if name != "invoice_number"), "invoice_number"]
_CANDIDATE_NAMES = ", ".join(CANDIDATES)


@dataclass(frozen=True)
class SettlementCounts:
    """What a batch of tenants did to the settlements."""

    linked: int
    """New or other than they were."""
    suggested: int
    withdrawn: int
    """In force before and no longer."""


def waiting(con: duckdb.DuckDBPyConnection, policy_hash: str, pack_version: str) -> pl.DataFrame:
    """The tenants that are not settled as they would be now, with the number of their decisions.

    Args:
        con: an open connection.
        policy_hash: of the policy in force.
        pack_version: of the deductions in force.

    """
    return frame_of(con, _WAITING, {"policy_hash": policy_hash, "pack_version": pack_version})


def defer(con: duckdb.DuckDBPyConnection, *, every_tenant: bool, now: datetime, touch_id: str) -> int:
    """Take payments of tenants that have invoices out of `changed_decisions`: reconciliation says how they end.

    Their tenants are marked as waiting. Works on the temporary tables that `decisions.replace` leaves.

    Args:
        con: within its transaction.
        every_tenant: also those without invoices.
        now: the time of the decisions.
        touch_id: names the marks.

    """
    con.execute(_BOOKED, {"every": every_tenant})
    row = con.execute(_DEFER).fetchone()
    con.execute(_TOUCH, {"now": now, "touch_id": touch_id})
    return int(row[0]) if row else 0


def payments(con: duckdb.DuckDBPyConnection, narration_limit: int) -> pl.DataFrame:
    """The eligible credits of the batch's tenants, in the columns of `rules.books.PAYMENTS`."""
    con.execute(_PAYMENTS.replace("__ELIGIBLE__", _ELIGIBLE), {"limit": narration_limit})
    return con.execute("FROM eligible_payments").pl().cast(PAYMENTS)


TRIED = pl.Schema(
    {
        **{name: PAYMENTS[name] for name in ("organization_id", "environment", "account_id", "transaction_id", "day")},
        "counterparty": pl.String(),
        "reference": pl.String(),
    }
)
"""What `tried_payments` reads of a credit that a replayed policy finds eligible."""


def tried_payments(
    con: duckdb.DuckDBPyConnection, narration_limit: int, tried: pl.DataFrame, start: date | None, end: date | None
) -> pl.DataFrame:
    """As `payments`, with other credits than those that are decided to be eligible on some days.

    Args:
        con: within a read transaction.
        narration_limit: as long a narration may be cut.
        tried: the eligible credits of these days, in the columns of `TRIED`.
        start: the first of the days; None for the first there is.
        end: the last of them; None for the last there is.

    """
    con.register("tried_lines", tried.to_arrow())
    values = {"limit": narration_limit, "first": start, "last": end}
    con.execute(_PAYMENTS.replace("__ELIGIBLE__", _TRIED), values)
    con.unregister("tried_lines")
    return con.execute("FROM eligible_payments").pl().cast(PAYMENTS)


def in_force(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """What stands or may stand of the batch's tenants' eligible lines (`rules.books.SETTLEMENTS`)."""
    return con.execute(_IN_FORCE).pl().cast(SETTLEMENTS)


def untouched(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """What no rule run changes while its payment is among `eligible_payments`: the columns of `in_force`."""
    return con.execute(_UNTOUCHED).pl().cast(SETTLEMENTS)


def booked(con: duckdb.DuckDBPyConnection, *, every_tenant: bool) -> pl.DataFrame:
    """The tenants whose payments are held against invoices, or were: `organization_id`, `environment`.

    Args:
        con: an open connection.
        every_tenant: also those without invoices, since a reference must exist.

    """
    return con.execute(_WITH_BOOKS, {"every": every_tenant}).pl()


def standing(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """What stands of the batch's tenants whatever the rules say (`rules.books.STANDING`), after `payments`."""
    return con.execute(_STANDING).pl().cast(STANDING)


def marks(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """The marks on the batch's tenants, as a transaction sees them."""
    return con.execute(f"SELECT * FROM touched_tenants SEMI JOIN batch_tenants USING ({_TENANT})").pl()  # noqa: S608


def replace(
    con: duckdb.DuckDBPyConnection,
    result: Reconciled,
    *,
    now: datetime,
    trace_id: str,
    policy_hash: str,
    pack_version: str,
) -> SettlementCounts:
    """Put the settlements of the batch's tenants in force, and their losing candidates beside them."""
    con.register("new_settlements", result.settlements.to_arrow())
    con.register("new_candidates", result.candidates.to_arrow())
    con.execute(_WANTED)
    con.execute(_BEFORE)
    con.execute(_GONE)
    con.execute(_CHANGED)
    con.execute(_KEEP_GONE, {"now": now})
    con.execute(_DELETE_GONE)
    con.execute(_INSERT, {"now": now, "trace_id": trace_id, "policy_hash": policy_hash, "pack_version": pack_version})
    if _count(con, _CANDIDATES_DIFFER):
        con.execute(_DELETE_CANDIDATES)
        con.execute(_INSERT_CANDIDATES)
    counts = con.execute(_COUNTS).fetchone()
    con.unregister("new_settlements")
    con.unregister("new_candidates")
    return SettlementCounts(*(counts or (0, 0, 0)))


def ends(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """The transactions of the batch's tenants that settle an invoice (`settled`), or may (not `settled`)."""
    return con.execute(_ENDS).pl()


def settle_marks(con: duckdb.DuckDBPyConnection, seen: pl.DataFrame, *, policy_hash: str, pack_version: str) -> None:
    """Take away the marks that were seen, and write down by what the batch's tenants are settled."""
    con.register("seen_marks", seen.to_arrow())
    con.execute(_DELETE_MARKS)
    con.execute(_DELETE_SETTLED)
    con.execute(_SETTLED, {"policy_hash": policy_hash, "pack_version": pack_version})
    con.unregister("seen_marks")


def find(con: duckdb.DuckDBPyConnection, settlement_id: str) -> dict[str, Any] | None:
    """The settlement in force of that id, with the columns of the table; None where there is none."""
    rows = con.execute("SELECT * FROM settlements WHERE settlement_id = ?", [settlement_id]).pl().to_dicts()
    return rows[0] if rows else None


def of_transaction(
    con: duckdb.DuckDBPyConnection, account_id: str, transaction_id: str, as_of: datetime | None = None
) -> list[dict[str, Any]]:
    """The settlements of a transaction, those in force or those of a time, with what each invoice says now."""
    values = {"account_id": account_id, "transaction_id": transaction_id, "as_of": as_of}
    return con.execute(_OF_TRANSACTION, values).pl().to_dicts()


def candidates_of(con: duckdb.DuckDBPyConnection, account_id: str, transaction_id: str) -> list[dict[str, Any]]:
    """The candidates of a transaction that lost, with what each invoice says."""
    return con.execute(_CANDIDATES_OF, [account_id, transaction_id]).pl().to_dicts()


def accept(con: duckdb.DuckDBPyConnection, settlement_id: str, *, by: str, now: datetime) -> list[str]:
    """Accept a suggestion, with the others of its proposal; the ids of what is accepted now.

    The transaction's other suggestions are gone with the next run.

    Raises:
        ConfigurationError: there is no such settlement, it was declined, or its invoice is not owed that much any more.

    """
    rows = _proposal_of(con, settlement_id, wanted="accepted")
    if short := [row["invoice_number"] for row in rows if not _still_owed(con, row)]:
        raise ConfigurationError(
            f"invoice {', '.join(short)} is not owed that much any more; run `kobosift run` and look again."
        )
    _say(con, rows, "accepted", by, now)
    return [row["settlement_id"] for row in rows]


def decline(con: duckdb.DuckDBPyConnection, settlement_id: str, *, by: str, now: datetime) -> list[str]:
    """Decline a suggestion, with the others of its proposal; the pair is never offered again.

    Raises:
        ConfigurationError: there is no such settlement, or it was accepted.

    """
    rows = _proposal_of(con, settlement_id, wanted="declined")
    _say(con, rows, "declined", by, now)
    return [row["settlement_id"] for row in rows]


def _proposal_of(con: duckdb.DuckDBPyConnection, settlement_id: str, *, wanted: str) -> list[dict[str, Any]]:
    found = find(con, settlement_id)
    if found is None:
        raise ConfigurationError(f"there is no settlement {settlement_id}; `audit.settlements` lists them.")
    if found["status"] not in ("suggested", wanted):
        raise ConfigurationError(f"settlement {settlement_id} is {found['status']}: only a suggestion can be {wanted}.")
    rows = con.execute(
        "SELECT * FROM settlements WHERE account_id = ? AND transaction_id = ? AND proposal = ? AND status = ?",
        [found["account_id"], found["transaction_id"], found["proposal"], found["status"]],
    ).pl()
    return rows.to_dicts()


def _still_owed(con: duckdb.DuckDBPyConnection, row: dict[str, Any]) -> bool:
    if row["status"] == "accepted":
        return True
    found = con.execute(
        "SELECT outstanding FROM audit.invoices WHERE organization_id = ? AND environment = ? AND invoice_id = ?",
        [row["organization_id"], row["environment"], row["invoice_id"]],
    ).fetchone()
    return found is not None and found[0] >= row["allocated"] + (row["deducted"] or 0)


def _say(con: duckdb.DuckDBPyConnection, rows: Sequence[dict[str, Any]], status: str, by: str, now: datetime) -> None:
    for row in rows:
        if row["status"] != status:
            con.execute(
                "UPDATE settlements SET status = ?, decided_by = ?, decided_at = ? WHERE settlement_id = ? AND day = ?",
                [status, by, now, row["settlement_id"], row["day"]],
            )


def _count(con: duckdb.DuckDBPyConnection, statement: str) -> int:
    row = con.execute(statement).fetchone()
    return int(row[0]) if row else 0


# By tenant what its invoices and the words of people are: another value, and its payments are settled anew.
BOOKS = """
SELECT organization_id, environment, CAST(bit_xor(part) AS VARCHAR) AS books_state
FROM (
    SELECT organization_id, environment, hash(
        invoice_id, number, customer_name, currency, total_amount, net_amount, vat_amount, issue_date, due_date, status
    ) AS part
    FROM invoices
    UNION ALL
    SELECT organization_id, environment, hash(settlement_id, status)
    FROM settlements WHERE status IN ('accepted', 'declined')
)
GROUP BY ALL
"""
_WAITING = f"""
WITH books AS ({BOOKS}),
waits AS (
    SELECT organization_id, environment FROM touched_tenants
    UNION
    SELECT organization_id, environment
    FROM books FULL JOIN settled_tenants AS s USING (organization_id, environment)
    WHERE books.books_state IS DISTINCT FROM s.books_state
        OR s.policy_hash IS DISTINCT FROM $policy_hash OR s.pack_version IS DISTINCT FROM $pack_version
)
SELECT organization_id, environment, count(d.organization_id) AS decisions
FROM waits LEFT JOIN (SELECT organization_id, environment FROM decisions) AS d USING (organization_id, environment)
GROUP BY ALL ORDER BY ALL
"""  # noqa: S608 - constants
_DELETE_SETTLED = """
DELETE FROM settled_tenants USING batch_tenants AS b
WHERE settled_tenants.organization_id = b.organization_id AND settled_tenants.environment = b.environment
"""
_SETTLED = f"""
INSERT INTO settled_tenants
SELECT organization_id, environment, $policy_hash, $pack_version, books_state
FROM batch_tenants LEFT JOIN ({BOOKS}) USING (organization_id, environment)
"""  # noqa: S608 - constants

_BOOKED = """
CREATE OR REPLACE TEMP TABLE booked_tenants AS
SELECT organization_id, environment FROM invoices
UNION
SELECT organization_id, environment FROM settlements
UNION
SELECT organization_id, environment FROM changed_decisions WHERE $every
"""
_DEFER = """
CREATE OR REPLACE TEMP TABLE touched_books AS
SELECT DISTINCT organization_id, environment FROM changed_decisions
SEMI JOIN booked_tenants USING (organization_id, environment)
;
DELETE FROM changed_decisions USING booked_tenants AS b
WHERE changed_decisions.rule IN (6, 13) AND (changed_decisions.signals & 1) > 0
    AND changed_decisions.organization_id = b.organization_id AND changed_decisions.environment = b.environment
"""
_TOUCH = """
INSERT INTO touched_tenants
SELECT $touch_id, organization_id, environment, $now FROM touched_books
UNION
SELECT $touch_id, s.organization_id, s.environment, $now
FROM settlements AS s SEMI JOIN gone_decisions USING (account_id, transaction_id)
"""
_DELETE_MARKS = """
DELETE FROM touched_tenants USING seen_marks AS s
WHERE touched_tenants.touch_id = s.touch_id
    AND touched_tenants.organization_id = s.organization_id AND touched_tenants.environment = s.environment
"""

# Rows 6 and 13 of the decision table are the eligible ones, whatever reconciliation has made of a payment since.
_ELIGIBLE = "SELECT * FROM decisions WHERE rule IN (6, 13) AND (signals & 1) > 0"
_TRIED_NAMES = ", ".join(TRIED)
_TRIED = f"""
    SELECT {_TRIED_NAMES} FROM tried_lines
    UNION ALL
    SELECT {_TRIED_NAMES} FROM ({_ELIGIBLE})
    WHERE NOT day BETWEEN coalesce($first, DATE '0001-01-01') AND coalesce($last, DATE '9999-12-31')
"""  # noqa: S608 - names of columns
_PAYMENTS = """
CREATE OR REPLACE TEMP TABLE eligible_payments AS
SELECT d.organization_id, d.environment, d.account_id, d.transaction_id, d.day, t.booked_at, t.amount,
    coalesce(t.currency, a.currency) AS currency, d.counterparty AS payer, d.reference,
    t.reference IS NOT NULL AS explicit,
    CASE WHEN d.reference IS NOT NULL OR length(t.narration) >= $limit THEN t.narration END AS narration,
    f.draft_id IS NOT NULL AS suggest_only
FROM (__ELIGIBLE__) AS d
SEMI JOIN batch_tenants USING (organization_id, environment)
JOIN transactions AS t USING (account_id, transaction_id, day)
LEFT JOIN accounts AS a USING (account_id)
LEFT JOIN (
    SELECT draft_id, account_id, transaction_id, day FROM drafts WHERE status IN ('CONFIRMED', 'VALIDATED', 'SIGNED')
) AS f USING (account_id, transaction_id, day)
"""
# A link made while the invoice was open stands when its owner marks the invoice as paid: it is what paid it.
_FROZEN = """
    s.status = 'linked' AND EXISTS (
        SELECT 1 FROM invoices AS i
        WHERE i.organization_id = s.organization_id AND i.environment = s.environment
            AND i.invoice_id = s.invoice_id AND i.status = 'paid'
    ) AND EXISTS (
        SELECT 1 FROM eligible_payments AS p
        WHERE p.account_id = s.account_id AND p.transaction_id = s.transaction_id AND p.amount >= s.allocated
    )
"""
_STANDING = f"""
SELECT s.organization_id, s.environment, s.account_id, s.transaction_id, s.invoice_id, s.status,
    least(s.allocated, coalesce(p.amount, s.allocated)) AS allocated, coalesce(s.deducted, 0) AS deducted, s.deductions
FROM settlements AS s
SEMI JOIN batch_tenants USING (organization_id, environment)
LEFT JOIN eligible_payments AS p USING (account_id, transaction_id)
WHERE s.status = 'declined' OR (s.status = 'accepted' AND p.account_id IS NOT NULL) OR ({_FROZEN})
UNION ALL
SELECT organization_id, environment, NULL, NULL, invoice_id, 'erased', CAST(sum(amount) AS BIGINT), 0, '[]'
FROM settled_by_erased SEMI JOIN batch_tenants USING (organization_id, environment)
GROUP BY organization_id, environment, invoice_id
"""  # noqa: S608 - constants
_SETTLED_NAMES = ", ".join(f"s.{name}" for name in SETTLEMENTS)
_IN_FORCE = f"""
SELECT {_SETTLED_NAMES} FROM settlements AS s
SEMI JOIN batch_tenants USING (organization_id, environment)
SEMI JOIN ({_ELIGIBLE}) AS d USING (account_id, transaction_id)
WHERE s.status IN ('linked', 'suggested', 'accepted')
"""  # noqa: S608 - constants
_UNTOUCHED = f"""
SELECT {_SETTLED_NAMES} FROM settlements AS s
SEMI JOIN batch_tenants USING (organization_id, environment)
SEMI JOIN eligible_payments USING (account_id, transaction_id)
WHERE s.status = 'accepted' OR ({_FROZEN})
"""  # noqa: S608 - constants
_WITH_BOOKS = """
SELECT organization_id, environment FROM invoices
UNION
SELECT organization_id, environment FROM settlements
UNION
SELECT organization_id, environment FROM settled_tenants
UNION
SELECT organization_id, environment FROM accounts WHERE $every
"""

_WANTED = """
CREATE OR REPLACE TEMP TABLE wanted_settlements AS
SELECT md5(concat_ws(chr(31), organization_id, environment, account_id, transaction_id, invoice_id, proposal))
    AS settlement_id, *
FROM new_settlements
"""
_BEFORE = f"""
CREATE OR REPLACE TEMP TABLE settlements_before AS
SELECT s.* FROM settlements AS s
SEMI JOIN batch_tenants USING (organization_id, environment)
WHERE s.status IN ('linked', 'suggested') AND NOT ({_FROZEN})
"""  # noqa: S608 - constants
_SAME = " AND ".join(f"w.{name} IS NOT DISTINCT FROM b.{name}" for name in _COMPARED)
_GONE = f"""
CREATE OR REPLACE TEMP TABLE gone_settlements AS
SELECT b.* FROM settlements_before AS b
WHERE NOT EXISTS (SELECT 1 FROM wanted_settlements AS w WHERE w.settlement_id = b.settlement_id AND {_SAME})
"""  # noqa: S608 - names of columns
_CHANGED = """
CREATE OR REPLACE TEMP TABLE changed_settlements AS
SELECT w.* FROM wanted_settlements AS w
ANTI JOIN (SELECT settlement_id FROM settlements_before ANTI JOIN gone_settlements USING (settlement_id))
    USING (settlement_id)
"""
_KEEP_GONE = "INSERT INTO superseded_settlements BY NAME SELECT *, $now AS superseded_at FROM gone_settlements"
_DELETE_GONE = """
DELETE FROM settlements USING gone_settlements AS g
WHERE settlements.settlement_id = g.settlement_id AND settlements.day = g.day
"""
_INSERT = """
INSERT INTO settlements BY NAME
SELECT *, $now AS decided_at, $trace_id AS trace_id, $policy_hash AS policy_hash, $pack_version AS pack_version
FROM changed_settlements
"""
_COUNTS = """
SELECT
    (SELECT count(*) FROM changed_settlements WHERE status = 'linked'),
    (SELECT count(*) FROM changed_settlements WHERE status = 'suggested'),
    (SELECT count(*) FROM gone_settlements ANTI JOIN changed_settlements USING (settlement_id))
"""
_ENDS = """
SELECT account_id, transaction_id, bool_or(status <> 'suggested') AS settled
FROM settlements SEMI JOIN batch_tenants USING (organization_id, environment)
WHERE status IN ('linked', 'accepted', 'suggested')
GROUP BY ALL
"""
_CANDIDATES_DIFFER = f"""
WITH kept AS (SELECT {_CANDIDATE_NAMES} FROM settlement_candidates SEMI JOIN batch_tenants USING ({_TENANT})),
wanted AS (SELECT {_CANDIDATE_NAMES} FROM new_candidates)
SELECT count(*) FROM ((FROM kept EXCEPT ALL FROM wanted) UNION ALL (FROM wanted EXCEPT ALL FROM kept))
"""  # noqa: S608 - names of columns
_DELETE_CANDIDATES = """
DELETE FROM settlement_candidates USING batch_tenants AS b
WHERE settlement_candidates.organization_id = b.organization_id AND settlement_candidates.environment = b.environment
"""
_INSERT_CANDIDATES = (
    f"INSERT INTO settlement_candidates ({_CANDIDATE_NAMES}) SELECT {_CANDIDATE_NAMES} FROM new_candidates"  # noqa: S608
)
_OF_INVOICE = "i.customer_name, i.currency, i.total_amount, i.net_amount, i.vat_amount, i.issue_date, i.due_date"
_OF_TRANSACTION = f"""
SELECT s.* EXCLUDE (superseded_at), {_OF_INVOICE}
FROM (
    SELECT *, CAST(NULL AS TIMESTAMPTZ) AS superseded_at FROM settlements
    UNION ALL BY NAME
    SELECT * FROM superseded_settlements WHERE $as_of IS NOT NULL
) AS s
LEFT JOIN invoices AS i USING (organization_id, environment, invoice_id)
WHERE s.account_id = $account_id AND s.transaction_id = $transaction_id
    AND ($as_of IS NULL OR (s.decided_at <= $as_of AND coalesce(s.superseded_at > $as_of, TRUE)))
ORDER BY s.status, s.proposal, s.invoice_number
"""  # noqa: S608 - names of columns
_CANDIDATES_OF = f"""
SELECT c.*, {_OF_INVOICE}
FROM settlement_candidates AS c LEFT JOIN invoices AS i USING (organization_id, environment, invoice_id)
WHERE c.account_id = ? AND c.transaction_id = ?
ORDER BY c.invoice_number, c.why
"""  # noqa: S608 - names of columns
