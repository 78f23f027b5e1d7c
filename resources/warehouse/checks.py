"""The proofs that every run gives: each row once, nothing lost on the way, the funnel adds up (domain section 7).

DuckLake has no keys, so what a key would refuse is looked for here, in SQL that shares nothing with the writing side.
A check reads and judges; it mends nothing. Most prove; those that warn tell of what a person may want to look at: an
account that is read no more, many rows that cannot be read, reasons that shift. The tables are read once, into narrow
temporary ones where 64-bit hashes stand for names; only a check that fails reads the tables again, by the names
themselves, to say which rows are at fault. Days that wait to be decided anew (`touched_days`) are not judged on what
follows from a decision.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import polars as pl

from resources.clock import SystemClock
from resources.errors import WarehouseError
from resources.warehouse.frames import frame_of
from rules.drift import SHIFTED, stability_index
from rules.transactions import LAGOS

WHOLE = (date(1, 1, 1), date(9999, 12, 31))
LINES_PROVED_WHOLE = 500_000
"""Up to so many lines each run looks at all of them; beyond, the days it touched and the totals of all."""
ROWS_NAMED = 20
FRESH_HOURS = 26
"""A day, and a night's schedule that was late."""
QUARANTINE_DAYS = 7
LATELY_DAYS, BEFORE_DAYS = 3, 30
LINES_COMPARED = 200
"""Of fewer lines a mix says little."""
_NEWLY_BOOKED = timedelta(days=60)
"""Rows that came lately are looked for among the lines booked since: few are older, and all days are many."""


@dataclass(frozen=True)
class Check:
    """One thing that must hold."""

    table: str
    name: str
    says: str
    judge: str
    """SQL on the facts: numbers in one row; the check fails unless its `at_fault` is 0."""
    blame: str
    """SQL on the tables: account and transaction ids of the rows at fault."""
    warns: bool = False
    """Whether it only warns: what it finds need not be wrong."""
    weigh: Callable[[pl.DataFrame], dict[str, int]] | None = None
    """Makes the numbers of what `judge` gives, where they are no matter of SQL."""


@dataclass(frozen=True)
class Verdict:
    """What one check found."""

    check: Check
    counts: dict[str, int] = field(default_factory=dict)
    """Numbers only: they may be kept by Dagster."""
    rows: tuple[str, ...] = ()
    """Some of the rows at fault, as `account/transaction`: for the person at the command, never kept."""

    @property
    def passed(self) -> bool:
        """Whether it holds."""
        return not self.counts["at_fault"]


_TOTALS = """
SELECT
    (SELECT count(*) FROM transactions) AS transactions,
    (SELECT count(*) FROM decisions) AS decisions,
    (SELECT count(*) FROM touched_days) + (SELECT count(*) FROM touched_tenants) AS waiting_days
"""

_FACTS = (
    """
    CREATE OR REPLACE TEMP TABLE fact_lines AS
    SELECT hash(t.account_id, t.transaction_id) AS line, t.day, hash(t.organization_id, t.environment) AS tenant,
        t.version, hash(t.payload_hash) AS payload, t.organization_id, t.environment, t.amount,
        coalesce(t.currency, a.currency) AS currency
    FROM transactions AS t LEFT JOIN accounts AS a USING (account_id)
    WHERE t.day BETWEEN $first AND $last
    """,
    """
    CREATE OR REPLACE TEMP TABLE fact_versions AS
    SELECT hash(account_id, transaction_id) AS line, hash(payload_hash) AS payload
    FROM transaction_versions WHERE day BETWEEN $first AND $last
    """,
    """
    CREATE OR REPLACE TEMP TABLE fact_decisions AS
    SELECT hash(account_id, transaction_id) AS line, day, hash(organization_id, environment) AS tenant, version, outcome
    FROM decisions WHERE day BETWEEN $first AND $last
    """,
    """
    CREATE OR REPLACE TEMP TABLE fact_drafts AS
    SELECT hash(account_id, transaction_id) AS line, day, hash(organization_id, environment) AS tenant,
        hash(draft_id) AS draft, status, coalesce(contested, false) AS contested
    FROM drafts WHERE day BETWEEN $first AND $last
    """,
    """
    CREATE OR REPLACE TEMP TABLE fact_rejections AS
    SELECT hash(account_id, transaction_id) AS line, day, hash(organization_id, environment) AS tenant
    FROM rejections WHERE day BETWEEN $first AND $last
    """,
    """
    CREATE OR REPLACE TEMP TABLE fact_settlements AS
    SELECT hash(account_id, transaction_id) AS line, bool_or(status IN ('linked', 'accepted')) AS settled,
        bool_or(status = 'suggested') AS suggested,
        CAST(coalesce(sum(allocated) FILTER (WHERE status IN ('linked', 'accepted')), 0) AS BIGINT) AS allocated
    FROM settlements WHERE status <> 'declined' AND day BETWEEN $first AND $last GROUP BY ALL
    """,
    """
    CREATE OR REPLACE TEMP TABLE fact_waits AS
    SELECT hash(organization_id, environment) AS tenant, day FROM touched_days
    UNION
    SELECT tenant, day FROM fact_lines
    SEMI JOIN (SELECT hash(organization_id, environment) AS tenant FROM touched_tenants) USING (tenant)
    """,
    """
    CREATE OR REPLACE TEMP TABLE fact_ends AS
    SELECT l.line, l.organization_id, l.environment, l.currency, l.amount, w.day IS NOT NULL AS waits,
        l.version IS DISTINCT FROM d.version AS undecided, d.outcome,
        coalesce(f.drafts, 0) AS drafts,
        coalesce(r.rejections, 0) AS rejections,
        coalesce(s.settled, false) OR coalesce(s.suggested, false) AS settles, coalesce(s.allocated, 0) AS allocated,
        CASE
            WHEN d.outcome IN ('rejected', 'held') THEN d.outcome
            WHEN s.settled THEN 'matched'
            WHEN f.drafts > 0 THEN 'drafted'
            WHEN s.suggested THEN 'review'
        END AS disposition
    FROM fact_lines AS l
    LEFT JOIN fact_waits AS w USING (tenant, day)
    LEFT JOIN fact_decisions AS d USING (line, day)
    LEFT JOIN (
        SELECT line, day, count(*) AS drafts FROM fact_drafts WHERE status <> 'WITHDRAWN' GROUP BY ALL
    ) AS f USING (line, day)
    LEFT JOIN (SELECT line, day, count(*) AS rejections FROM fact_rejections GROUP BY ALL) AS r USING (line, day)
    LEFT JOIN fact_settlements AS s USING (line)
    """,
)

# What became of the lines of the newest days and of those before them: by tenant and reason.
_DRIFT = """
    CREATE OR REPLACE TEMP TABLE fact_drift AS
    SELECT organization_id, environment, coalesce(detail, outcome) AS reason,
        count(*) FILTER (WHERE day <= $newest - $lately) AS before,
        count(*) FILTER (WHERE day > $newest - $lately) AS lately
    FROM decisions WHERE day BETWEEN $newest - $lately - $before + 1 AND $newest
    GROUP BY ALL
    """


def _shifts(counts: pl.DataFrame) -> dict[str, int]:
    """How many tenants have another mix of reasons lately, and the greatest index, in thousandths."""
    tenants = stability_index(counts, ["organization_id", "environment"]).filter(
        (pl.col("before") >= LINES_COMPARED) & (pl.col("lately") >= LINES_COMPARED)
    )
    greatest = tenants["index"].max() if tenants.height else 0.0
    return {
        "tenants": tenants.height,
        "index_thousandths": round(1000 * float(str(greatest))),
        "at_fault": tenants.filter(pl.col("index") >= SHIFTED).height,
    }


CHECKS = (
    Check(
        "accounts",
        "accounts_fresh",
        f"each linked account was read to its end in the last {FRESH_HOURS} hours",
        """
        SELECT count(*) AS accounts, count(*) FILTER (WHERE coalesce(synced_at, linked_at) < $fresh) AS at_fault
        FROM accounts WHERE status = 'linked'
        """,
        """
        SELECT account_id, 'last read ' || coalesce(strftime(synced_at, '%Y-%m-%d %H:%M UTC'), 'never')
        FROM accounts WHERE status = 'linked' AND coalesce(synced_at, linked_at) < $fresh
        """,
        warns=True,
    ),
    Check(
        "transactions",
        "few_unreadable",
        f"of the rows that came in the last {QUARANTINE_DAYS} days at most one in a hundred could not be read",
        """
        WITH counted AS (
            SELECT
                (SELECT count(*) FROM quarantine WHERE quarantined_at >= $week) AS quarantined,
                (SELECT count(*) FROM transactions WHERE received_at >= $week AND day >= $oldest) AS read
        )
        SELECT *, CASE WHEN quarantined >= 20 AND quarantined > 0.01 * (quarantined + read) THEN quarantined ELSE 0 END
            AS at_fault
        FROM counted
        """,
        """
        SELECT account_id, 'quarantined payload ' || payload_hash FROM quarantine WHERE quarantined_at >= $week
        ORDER BY quarantined_at DESC
        """,
        warns=True,
    ),
    Check(
        "decisions",
        "reasons_steady",
        f"the mix of reasons of the last {LATELY_DAYS} days is that of the {BEFORE_DAYS} days before",
        "SELECT organization_id, environment, before, lately FROM fact_drift",
        """
        WITH rises AS (
            SELECT organization_id, environment, reason,
                lately / sum(lately) OVER tenant - before / sum(before) OVER tenant AS rise
            FROM fact_drift WINDOW tenant AS (PARTITION BY organization_id, environment)
        )
        SELECT d.account_id, d.transaction_id
        FROM (SELECT * FROM decisions WHERE day BETWEEN $newest - $lately + 1 AND $newest) AS d
        JOIN (
            SELECT * FROM rises
            QUALIFY rank() OVER (PARTITION BY organization_id, environment ORDER BY rise DESC) = 1
        ) AS r ON r.organization_id = d.organization_id AND r.environment = d.environment
            AND r.reason = coalesce(d.detail, d.outcome)
        """,
        warns=True,
        weigh=_shifts,
    ),
    Check(
        "transactions",
        "each_line_once",
        "each account and transaction id stands once",
        "SELECT count(*) AS transactions, count(*) - count(DISTINCT line) AS at_fault FROM fact_lines",
        """
        SELECT account_id, transaction_id FROM transactions WHERE day BETWEEN $first AND $last
        GROUP BY ALL HAVING count(*) > 1
        """,
    ),
    Check(
        "transactions",
        "payloads_accounted_for",
        "distinct raw payloads = transactions + older versions + quarantined",
        """
        WITH counted AS (
            SELECT
                (SELECT count(*) FROM (FROM fact_versions UNION SELECT line, payload FROM fact_lines))
                + (SELECT count(*) FROM (SELECT DISTINCT account_id, payload_hash FROM quarantine)) AS payloads,
                (SELECT count(*) FROM fact_lines) AS transactions,
                (SELECT count(*) FROM fact_versions) AS older_versions,
                (SELECT count(*) FROM quarantine) AS quarantined
        )
        SELECT *, abs(payloads - transactions - older_versions - quarantined) AS at_fault FROM counted
        """,
        """
        WITH read AS (
            SELECT account_id, transaction_id, payload_hash FROM transactions WHERE day BETWEEN $first AND $last
            UNION ALL
            SELECT account_id, transaction_id, payload_hash FROM transaction_versions
            WHERE day BETWEEN $first AND $last
        )
        SELECT account_id, transaction_id FROM read
        GROUP BY account_id, transaction_id, payload_hash HAVING count(*) > 1
        UNION ALL
        SELECT account_id, 'quarantined payload ' || payload_hash FROM quarantine GROUP BY ALL HAVING count(*) > 1
        """,
    ),
    Check(
        "decisions",
        "each_decision_once",
        "each line has at most one decision in force",
        "SELECT count(*) AS decisions, count(*) - count(DISTINCT line) AS at_fault FROM fact_decisions",
        """
        SELECT account_id, transaction_id FROM decisions WHERE day BETWEEN $first AND $last
        GROUP BY ALL HAVING count(*) > 1
        """,
    ),
    Check(
        "decisions",
        "funnel_adds_up",
        "transactions = matched + review + drafted + rejected + held on every day that is decided",
        """
        WITH counted AS (
            SELECT
                (SELECT count(*) FROM fact_lines ANTI JOIN fact_waits USING (tenant, day)) AS transactions,
                count(*) FILTER (WHERE disposition = 'matched') AS matched,
                count(*) FILTER (WHERE disposition = 'review') AS review,
                count(*) FILTER (WHERE disposition = 'drafted') AS drafted,
                count(*) FILTER (WHERE disposition = 'rejected') AS rejected,
                count(*) FILTER (WHERE disposition = 'held') AS held,
                count(*) FILTER (WHERE undecided OR disposition IS NULL) AS undecided,
                (
                    SELECT count(*) FROM fact_decisions
                    ANTI JOIN fact_lines USING (line, day) ANTI JOIN fact_waits USING (tenant, day)
                ) AS decided_without_line
            FROM fact_ends WHERE NOT waits
        )
        SELECT *, undecided + decided_without_line
            + abs(transactions - matched - review - drafted - rejected - held) AS at_fault
        FROM counted
        """,
        """
        SELECT t.account_id, t.transaction_id
        FROM (SELECT * FROM transactions WHERE day BETWEEN $first AND $last) AS t
        JOIN (SELECT line FROM fact_ends WHERE NOT waits AND (undecided OR disposition IS NULL)) AS e
            ON e.line = hash(t.account_id, t.transaction_id)
        UNION ALL
        SELECT d.account_id, d.transaction_id
        FROM (SELECT * FROM decisions WHERE day BETWEEN $first AND $last) AS d
        ANTI JOIN transactions AS t USING (account_id, transaction_id, day)
        ANTI JOIN touched_days AS w USING (organization_id, environment, day)
        """,
    ),
    Check(
        "drafts",
        "each_draft_once",
        "each draft id stands once",
        "SELECT count(*) AS drafts, count(*) - count(DISTINCT draft) AS at_fault FROM fact_drafts",
        """
        SELECT any_value(account_id), any_value(transaction_id) FROM drafts WHERE day BETWEEN $first AND $last
        GROUP BY draft_id HAVING count(*) > 1
        """,
    ),
    Check(
        "drafts",
        "no_draft_astray",
        "each live draft has an eligible line, and each eligible line one draft or settlement",
        """
        WITH counted AS (
            SELECT
                (
                    SELECT count(*) FROM fact_drafts
                    ANTI JOIN (SELECT line, day FROM fact_decisions WHERE outcome = 'eligible') USING (line, day)
                    ANTI JOIN fact_waits USING (tenant, day)
                    WHERE status IN ('DRAFT', 'CONFIRMED', 'VALIDATED') AND NOT contested
                ) AS drafts_without_eligible_line,
                count(*) FILTER (outcome = 'eligible' AND drafts <> 1 AND NOT settles) AS eligible_without_one_draft
            FROM fact_ends WHERE NOT waits
        )
        SELECT *, drafts_without_eligible_line + eligible_without_one_draft AS at_fault FROM counted
        """,
        """
        SELECT f.account_id, f.transaction_id
        FROM (
            SELECT * FROM drafts
            WHERE status IN ('DRAFT', 'CONFIRMED', 'VALIDATED') AND NOT coalesce(contested, false)
                AND day BETWEEN $first AND $last
        ) AS f
        ANTI JOIN (SELECT * FROM decisions WHERE outcome = 'eligible') AS d USING (account_id, transaction_id, day)
        ANTI JOIN touched_days AS w USING (organization_id, environment, day)
        UNION ALL
        SELECT t.account_id, t.transaction_id
        FROM (SELECT * FROM transactions WHERE day BETWEEN $first AND $last) AS t
        JOIN (SELECT line FROM fact_ends WHERE NOT waits AND outcome = 'eligible' AND drafts <> 1 AND NOT settles) AS e
            ON e.line = hash(t.account_id, t.transaction_id)
        """,
    ),
    Check(
        "settlements",
        "none_beyond_its_amount",
        "no invoice is settled and no transaction allocated beyond its amount",
        """
        WITH counted AS (
            SELECT
                (
                    SELECT count(*) FROM (
                        SELECT organization_id, environment, invoice_id,
                            sum(allocated + coalesce(deducted, 0)) AS settled
                        FROM settlements WHERE status IN ('linked', 'accepted') GROUP BY ALL
                    ) AS s JOIN invoices AS i USING (organization_id, environment, invoice_id)
                    WHERE s.settled > i.total_amount
                ) AS invoices_beyond,
                count(*) FILTER (WHERE allocated > amount) AS transactions_beyond
            FROM fact_ends WHERE NOT waits AND outcome = 'eligible'
        )
        SELECT *, invoices_beyond + transactions_beyond AS at_fault FROM counted
        """,
        """
        SELECT s.account_id, s.transaction_id
        FROM settlements AS s JOIN transactions AS t USING (account_id, transaction_id, day)
        WHERE s.status IN ('linked', 'accepted') AND day BETWEEN $first AND $last
        GROUP BY ALL HAVING sum(s.allocated) > any_value(t.amount)
        UNION ALL
        SELECT account_id, transaction_id FROM settlements
        SEMI JOIN (
            SELECT organization_id, environment, invoice_id FROM settlements
            JOIN invoices AS i USING (organization_id, environment, invoice_id)
            WHERE settlements.status IN ('linked', 'accepted')
            GROUP BY ALL HAVING sum(allocated + coalesce(deducted, 0)) > any_value(i.total_amount)
        ) AS beyond USING (organization_id, environment, invoice_id)
        """,
    ),
    Check(
        "settlements",
        "no_settlement_astray",
        "each settlement of the rules has an eligible line, and each id stands once",
        """
        WITH ours AS (
            SELECT hash(account_id, transaction_id) AS line, day, hash(organization_id, environment) AS tenant,
                settlement_id
            FROM settlements WHERE status IN ('linked', 'suggested') AND day BETWEEN $first AND $last
        ),
        counted AS (
            SELECT
                (
                    SELECT count(*) FROM ours
                    ANTI JOIN (SELECT line, day FROM fact_decisions WHERE outcome = 'eligible') USING (line, day)
                    ANTI JOIN fact_waits USING (tenant, day)
                ) AS settlements_without_eligible_line,
                (SELECT count(*) - count(DISTINCT settlement_id) FROM ours) AS settlements_twice
        )
        SELECT *, settlements_without_eligible_line + settlements_twice AS at_fault FROM counted
        """,
        """
        SELECT s.account_id, s.transaction_id
        FROM (
            SELECT * FROM settlements WHERE status IN ('linked', 'suggested') AND day BETWEEN $first AND $last
        ) AS s
        ANTI JOIN (SELECT * FROM decisions WHERE outcome = 'eligible') AS d USING (account_id, transaction_id, day)
        """,
    ),
    Check(
        "rejections",
        "each_rejection_once",
        "each rejected line stands once in the dead-letter queue, and no other line does",
        """
        WITH counted AS (
            SELECT
                (
                    SELECT count(*) FROM fact_rejections
                    ANTI JOIN (SELECT line, day FROM fact_decisions WHERE outcome = 'rejected') USING (line, day)
                    ANTI JOIN fact_waits USING (tenant, day)
                ) AS rejections_without_rejected_line,
                count(*) FILTER (WHERE outcome = 'rejected' AND rejections <> 1) AS rejected_without_one_rejection
            FROM fact_ends WHERE NOT waits
        )
        SELECT *, rejections_without_rejected_line + rejected_without_one_rejection AS at_fault FROM counted
        """,
        """
        SELECT r.account_id, r.transaction_id
        FROM (SELECT * FROM rejections WHERE day BETWEEN $first AND $last) AS r
        ANTI JOIN (SELECT * FROM decisions WHERE outcome = 'rejected') AS d USING (account_id, transaction_id, day)
        ANTI JOIN touched_days AS w USING (organization_id, environment, day)
        UNION ALL
        SELECT t.account_id, t.transaction_id
        FROM (SELECT * FROM transactions WHERE day BETWEEN $first AND $last) AS t
        JOIN (SELECT line FROM fact_ends WHERE NOT waits AND outcome = 'rejected' AND rejections <> 1) AS e
            ON e.line = hash(t.account_id, t.transaction_id)
        """,
    ),
)
"""Every check there is, table by table."""


_FUNNEL = """
SELECT organization_id, environment, currency, coalesce(disposition, 'waiting') AS disposition,
    count(*) AS lines, CAST(sum(amount) AS BIGINT) AS amount
FROM fact_ends
GROUP BY ALL ORDER BY ALL
"""


@dataclass(frozen=True)
class Proof:
    """What a run proves of the warehouse."""

    whole: bool
    """Whether all days were looked at, or only those that the run decided."""
    verdicts: list[Verdict]
    """One for each of `CHECKS`, in that order."""
    funnel: list[dict[str, object]]
    """By tenant and currency, for each disposition (or `waiting`) the lines and their amount in minor units."""


def prove(con: duckdb.DuckDBPyConnection, touched: tuple[date, date] | None, now: datetime | None = None) -> Proof:
    """Judge the warehouse and count its funnel: all of it while it is small, else the touched days and the totals.

    Args:
        con: an open connection; it takes temporary tables, the warehouse takes nothing.
        touched: the first and last day that the run decided, if any.
        now: the time by which what should have happened is judged; None for the machine's.
    """
    con.begin()  # one snapshot for all that is compared, whatever others commit meanwhile
    try:
        return judge(con, touched, now)
    finally:
        con.rollback()


def judge(con: duckdb.DuckDBPyConnection, touched: tuple[date, date] | None, now: datetime | None = None) -> Proof:
    """Do what `prove` does, within the transaction that is open."""
    first, last = _span(con, touched)
    span: dict[str, object] = {"first": first, "last": last, **_times(con, now or SystemClock().now())}
    for fact in (*_FACTS, _DRIFT):
        con.execute(fact, _used(fact, span))
    verdicts = [_verdict(con, check, span) for check in CHECKS]
    return Proof((first, last) == WHOLE, verdicts, frame_of(con, _FUNNEL).to_dicts())


def _span(con: duckdb.DuckDBPyConnection, touched: tuple[date, date] | None) -> tuple[date, date]:
    """The days to judge; where the totals of a big warehouse do not agree, all days."""
    totals = _numbers(con, _TOTALS)
    small = totals["transactions"] <= LINES_PROVED_WHOLE
    disagree = not totals["waiting_days"] and totals["transactions"] != totals["decisions"]
    return WHOLE if small or disagree else (touched or WHOLE[::-1])


def _times(con: duckdb.DuckDBPyConnection, now: datetime) -> dict[str, object]:
    """The moments and days that checks compare with."""
    today = now.astimezone(ZoneInfo(LAGOS)).date()
    row = con.execute("SELECT max(day) FROM decided_days WHERE day <= ?", [today]).fetchone()
    return {
        "fresh": now - timedelta(hours=FRESH_HOURS),
        "week": now - timedelta(days=QUARANTINE_DAYS),
        "oldest": today - _NEWLY_BOOKED,
        "newest": row[0] if row and row[0] else today,
        "lately": LATELY_DAYS,
        "before": BEFORE_DAYS,
    }


def _used(sql: str, values: dict[str, object]) -> dict[str, object]:
    """Those of the values that a statement names."""
    return {name: values[name] for name in set(_NAME.findall(sql))}


def _verdict(con: duckdb.DuckDBPyConnection, check: Check, span: dict[str, object]) -> Verdict:
    if check.weigh is not None:
        counts = check.weigh(frame_of(con, check.judge, _used(check.judge, span)))
    else:
        counts = _numbers(con, check.judge, _used(check.judge, span))
    if not counts["at_fault"]:
        return Verdict(check, counts)
    found = con.execute(check.blame, _used(check.blame, span)).fetchmany(ROWS_NAMED)
    return Verdict(check, counts, tuple(sorted({f"{account}/{transaction}" for account, transaction in found})))


_NAME = re.compile(r"\$(\w+)")


def _numbers(con: duckdb.DuckDBPyConnection, sql: str, values: dict[str, object] | None = None) -> dict[str, int]:
    cursor = con.execute(sql, values or None)
    names, row = [column[0] for column in cursor.description or ()], cursor.fetchone()
    if row is None:
        message = "a check read nothing of the warehouse; run `kobosift doctor`"
        raise WarehouseError(message)
    return dict(zip(names, row, strict=True))
