"""Table `payment_notices`: what is to be told of the payment of invoices that were signed here, and whether it was.

Holds its SQL: which notices there should be, which are due, how telling went. Who is told is in
`resources/payment_status.py`. Money that pays a signed invoice is the bank line that it was made of, unless the rules
disown that line (`contested`), and whatever settles an imported invoice of the same number of that tenant. A status is
only ever told upwards: a payment that is taken back is for people to deal with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import duckdb
import polars as pl


@dataclass(frozen=True)
class Notice:
    """One notice that is due; its id is the reference under which the payment is told."""

    notice_id: str
    irn: str
    payment_status: str
    signer: str


@dataclass(frozen=True)
class Attempt:
    """How telling a notice went: no cause where it got through."""

    notice_id: str
    cause: str | None = None


def behind(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether a signed invoice is paid, in part or whole, and no notice says so yet."""
    return con.execute(f"SELECT 1 FROM ({_WANTED}) LIMIT 1").fetchone() is not None  # noqa: S608 - constants


def raise_new(con: duckdb.DuckDBPyConnection, *, now: datetime, trace_id: str) -> None:
    """Keep the notices that should be there and are not, to be told."""
    con.execute(_RAISE, {"now": now, "trace_id": trace_id})


def due(con: duckdb.DuckDBPyConnection, *, now: datetime, limit: int) -> list[Notice]:
    """What is to be told now, the oldest first: one that failed rests twice as long each time, a day at most."""
    return [Notice(*row) for row in con.execute(_DUE, {"now": now, "limit": limit}).fetchall()]


def note(con: duckdb.DuckDBPyConnection, attempts: Sequence[Attempt], *, now: datetime) -> None:
    """Keep how telling went."""
    schema = {"notice_id": pl.String(), "cause": pl.String()}
    con.register("new_attempts", pl.DataFrame([asdict(each) for each in attempts], schema).to_arrow())
    con.execute(_NOTE, {"now": now})
    con.unregister("new_attempts")


def of_draft(con: duckdb.DuckDBPyConnection, draft_id: str) -> list[dict[str, Any]]:
    """The notices of a signed draft, in the order in which they were raised."""
    return con.execute(_OF_DRAFT, [draft_id]).pl().to_dicts()


# Numbers are compared as an IRN holds them: letters and digits alone, in capitals.
_WANTED = """
WITH signed AS (
    SELECT s.organization_id, s.environment, s.account_id, s.transaction_id, s.draft_id, s.irn, s.signer,
        upper(split_part(s.irn, '-', 1)) AS number,
        json_extract_string(s.document, '$.document_currency_code') AS currency,
        CAST(100 * TRY_CAST(json_extract_string(s.document, '$.legal_monetary_total.payable_amount') AS DECIMAL(20, 2))
            AS BIGINT) AS payable,
        CASE WHEN d.contested THEN 0 ELSE d.amount END AS paid
    FROM signatures AS s
    JOIN drafts AS d USING (draft_id)
    WHERE d.kind = 'invoice' AND d.status = 'SIGNED'
),
settled AS (
    SELECT g.draft_id, CAST(sum(x.allocated + coalesce(x.deducted, 0)) AS BIGINT) AS paid
    FROM signed AS g
    JOIN invoices AS i ON i.organization_id = g.organization_id AND i.environment = g.environment
        AND i.currency = g.currency AND upper(regexp_replace(i.number, '[^A-Za-z0-9]', '', 'g')) = g.number
    JOIN settlements AS x ON x.organization_id = i.organization_id AND x.environment = i.environment
        AND x.invoice_id = i.invoice_id AND x.status IN ('linked', 'accepted')
        AND (x.account_id, x.transaction_id) <> (g.account_id, g.transaction_id)
    GROUP BY ALL
),
stands AS (
    SELECT g.*, CASE
        WHEN g.paid + coalesce(s.paid, 0) <= 0 THEN NULL
        WHEN g.paid + coalesce(s.paid, 0) >= g.payable THEN 'PAID'
        WHEN g.payable IS NOT NULL THEN 'PARTIAL'
    END AS payment_status
    FROM signed AS g LEFT JOIN settled AS s USING (draft_id)
)
SELECT md5(concat_ws(chr(31), organization_id, environment, draft_id, payment_status)) AS notice_id,
    organization_id, environment, account_id, draft_id, irn, payment_status, signer
FROM stands
WHERE payment_status IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM payment_notices AS n
    WHERE n.draft_id = stands.draft_id AND n.payment_status IN ('PAID', stands.payment_status)
)
"""
_RAISE = f"""
INSERT INTO payment_notices BY NAME
SELECT *, $now AS raised_at, $trace_id AS trace_id, 0 AS attempts FROM ({_WANTED})
"""  # noqa: S608 - constants
_DUE = """
SELECT notice_id, irn, payment_status, signer
FROM payment_notices AS n
WHERE told_at IS NULL
    AND (tried_at IS NULL OR tried_at <= $now - to_minutes(least(CAST(2 ** attempts AS BIGINT), 1440)))
    AND (payment_status = 'PAID' OR NOT EXISTS (
        SELECT 1 FROM payment_notices AS paid WHERE paid.draft_id = n.draft_id AND paid.payment_status = 'PAID'
    ))
ORDER BY raised_at, notice_id
LIMIT $limit
"""
_NOTE = """
UPDATE payment_notices SET attempts = least(attempts + 1, 60), tried_at = $now, cause = a.cause,
    told_at = CASE WHEN a.cause IS NULL THEN $now END
FROM new_attempts AS a
WHERE payment_notices.notice_id = a.notice_id AND payment_notices.told_at IS NULL
"""
_OF_DRAFT = """
SELECT payment_status, raised_at, attempts, cause, told_at FROM payment_notices
WHERE draft_id = ? ORDER BY raised_at, payment_status DESC
"""
