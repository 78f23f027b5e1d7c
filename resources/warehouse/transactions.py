"""All SQL of tables `transactions` and `transaction_versions`, and the days that a merge touches.

Holds the merge of read lines into what is there. Must not hold decisions, nor how lines are read. A line is found by
its identity (account and transaction id) whatever its day: first among the days that were read, which prunes almost
every file, then, for ids not found there, among all other days, where files are pruned by their ranges of ids.

What a line was stays in `transaction_versions`, each distinct payload once, so that distinct raw payloads are always
transactions plus older versions plus quarantined. A payload that comes back is taken out of the older versions again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import duckdb
import polars as pl

from resources.warehouse import accounts, erasures, quarantine
from resources.warehouse.accounts import AccountState
from resources.warehouse.erasures import Admission
from rules.transactions import TRANSACTION_SCHEMA, AccountKey

_NAMES = ", ".join(TRANSACTION_SCHEMA)
_READ_NAMES = ", ".join(f"r.{name}" for name in TRANSACTION_SCHEMA)

_LINES_READ = "SELECT DISTINCT account_id, transaction_id FROM read_lines"
_KNOWN_OF = """
INSERT INTO known_lines
SELECT t.account_id, t.transaction_id, t.day, t.version, t.payload_hash
FROM transactions AS t JOIN ({lines}) AS r USING (account_id, transaction_id)
"""
_KNOWN_AMONG_READ_DAYS = f"{_KNOWN_OF.format(lines=_LINES_READ)} WHERE t.day BETWEEN $first AND $last"
_KNOWN_ELSEWHERE = f"""
{_KNOWN_OF.format(lines=f"{_LINES_READ} ANTI JOIN known_lines USING (account_id, transaction_id)")}
WHERE t.day NOT BETWEEN $first AND $last
"""

# One row a distinct payload of each line that is new or read otherwise than it stands, in the order of last readings.
# Where the first of them is what stands there, it is step 0: nothing new. The newest becomes the line.
_STEPS = """
CREATE OR REPLACE TEMP TABLE line_steps AS
WITH payloads AS (
    SELECT account_id, transaction_id, payload_hash, max(place) AS place FROM read_lines GROUP BY ALL
),
ordered AS (
    SELECT p.*, k.day AS known_day, k.version AS known_version, k.payload_hash AS known_hash,
        row_number() OVER readings AS reading,
        count(*) OVER (PARTITION BY p.account_id, p.transaction_id) AS readings,
        coalesce(first_value(p.payload_hash) OVER readings = k.payload_hash, FALSE)::INTEGER AS starts_known
    FROM payloads AS p LEFT JOIN known_lines AS k USING (account_id, transaction_id)
    WINDOW readings AS (PARTITION BY p.account_id, p.transaction_id ORDER BY p.place)
)
SELECT account_id, transaction_id, payload_hash, place, known_day, known_hash, known_version IS NOT NULL AS known,
    reading = readings AS newest,
    reading - starts_known AS step,
    coalesce(known_version, 0) + reading - starts_known AS version
FROM ordered
WHERE readings > starts_known
"""

_COUNTS = """
SELECT account_id, coalesce(s.imported, 0), coalesce(s.updated, 0),
    r.lines - coalesce(s.imported, 0) - coalesce(s.updated, 0)
FROM (SELECT account_id, count(DISTINCT transaction_id) AS lines FROM read_lines GROUP BY ALL) AS r
LEFT JOIN (
    SELECT account_id, count(*) FILTER (NOT known) AS imported, count(*) FILTER (known) AS updated
    FROM line_steps WHERE newest GROUP BY ALL
) AS s USING (account_id)
"""

# A payload that comes back is no older version any more.
_TAKE_BACK = """
DELETE FROM transaction_versions AS v USING line_steps AS s
WHERE v.account_id = s.account_id AND v.transaction_id = s.transaction_id AND v.payload_hash = s.payload_hash
"""
_KEEP_REPLACED = f"""
INSERT INTO transaction_versions ({_NAMES}, version)
SELECT {_READ_NAMES}, r.version
FROM transactions AS r
JOIN (SELECT account_id, transaction_id, known_day AS day, known_hash FROM line_steps WHERE newest AND known) AS k
    USING (account_id, transaction_id, day)
ANTI JOIN (SELECT account_id, transaction_id, payload_hash AS known_hash FROM line_steps WHERE step > 0) AS s
    USING (account_id, transaction_id, known_hash)
"""  # noqa: S608 - column names of ours
_KEEP_PASSED_OVER = f"""
INSERT INTO transaction_versions ({_NAMES}, version)
SELECT {_READ_NAMES}, s.version
FROM line_steps AS s JOIN read_lines AS r USING (place)
WHERE NOT s.newest AND s.step > 0
"""  # noqa: S608 - column names of ours
_DELETE_REPLACED = """
DELETE FROM transactions AS t USING line_steps AS s
WHERE s.newest AND s.known
    AND t.account_id = s.account_id AND t.transaction_id = s.transaction_id AND t.day = s.known_day
"""
_INSERT_NEWEST = f"""
INSERT INTO transactions ({_NAMES}, version)
SELECT {_READ_NAMES}, s.version
FROM line_steps AS s JOIN read_lines AS r USING (place)
WHERE s.newest
"""  # noqa: S608 - column names of ours
_TOUCH = """
INSERT INTO touched_days (touch_id, organization_id, environment, day)
SELECT DISTINCT $touch_id, r.organization_id, r.environment, unnest([r.day, coalesce(s.known_day, r.day)])
FROM line_steps AS s JOIN read_lines AS r USING (place)
WHERE s.newest
"""


# An account's holder and currency are part of what its lines are decided by: all its days wait when one changes.
_TOUCH_ALL = """
INSERT INTO touched_days (touch_id, organization_id, environment, day)
SELECT DISTINCT $touch_id, organization_id, environment, day FROM transactions WHERE account_id IN $accounts
"""


@dataclass(frozen=True)
class Merged:
    """What a merge did with the lines of one account, counted by line, and with its unreadable rows, by payload."""

    imported: int = 0
    updated: int = 0
    unchanged: int = 0
    quarantined: int = 0


def merge_batch(
    con: duckdb.DuckDBPyConnection,
    transactions: pl.DataFrame,
    unreadable: pl.DataFrame,
    states: Sequence[AccountState],
    *,
    touch_id: str,
    admission: Admission,
) -> dict[str, Merged]:
    """Merge read rows, and write how far their accounts have been read, within the open transaction.

    Args:
        con: an open connection with the transaction that it all belongs to.
        transactions: columns of `TRANSACTION_SCHEMA`, in the order of reading: the later reading of a line wins.
        unreadable: columns of `QUARANTINE_SCHEMA`.
        states: one for each account that has rows here, at least; writing them is what makes two writers conflict.
        touch_id: under which the days whose lines changed are noted for the decisions that must follow.
        admission: what may come in at all.

    Returns:
        What was done, by account. Rows of accounts that are not, or no longer, linked are left out, and so are those
        that were erased or are older than is kept.

    """
    linked = accounts.listed(con, linked_only=True)
    keys = [account.key for account in linked]
    erasures.clear_consented(con, admission, linked)
    lines, rows = erasures.admitted(
        con, admission, linked, _of_accounts(transactions, keys), _of_accounts(unreadable, keys)
    )
    done = _merge_lines(con, lines, touch_id) if lines.height else {}
    refused = quarantine.insert(con, rows)
    if others := accounts.decided_otherwise(con, states):
        con.execute(_TOUCH_ALL, {"touch_id": touch_id, "accounts": others})
    accounts.update(con, states)
    return {account: Merged(*done.get(account, (0, 0, 0)), refused.get(account, 0)) for account in {*done, *refused}}


def changed(con: duckdb.DuckDBPyConnection, transactions: pl.DataFrame) -> pl.DataFrame:
    """Return the read lines (columns of `TRANSACTION_SCHEMA`) but for those that stand there just so already.

    It looks among the days that were read only, so that it may return a line that a merge then finds unchanged.
    """
    if transactions.is_empty():
        return transactions
    first, last = _days(transactions)
    _register(con, transactions)
    same = con.execute(
        """SELECT r.account_id, r.transaction_id
        FROM read_lines AS r JOIN transactions AS t USING (account_id, transaction_id)
        WHERE t.day BETWEEN $first AND $last
        GROUP BY ALL HAVING bool_and(r.payload_hash = t.payload_hash)""",
        {"first": first, "last": last},
    ).pl()
    con.unregister("read_lines")
    return transactions.join(same, on=["account_id", "transaction_id"], how="anti", maintain_order="left")


def _of_accounts(rows: pl.DataFrame, keys: Sequence[AccountKey]) -> pl.DataFrame:
    """The rows of these accounts."""
    names = ["organization_id", "environment", "account_id"]
    wanted = pl.DataFrame([(key.organization_id, key.environment, key.account_id) for key in keys], names, orient="row")
    return rows.join(wanted.cast(pl.String), on=names, how="semi", maintain_order="left")


def _merge_lines(
    con: duckdb.DuckDBPyConnection, transactions: pl.DataFrame, touch_id: str
) -> dict[str, tuple[int, int, int]]:
    """Merge the lines; return by account how many were imported, updated and left as they are."""
    _register(con, transactions)
    _find_known(con, *_days(transactions))
    con.execute(_STEPS)
    counts = {
        account: (imported, updated, same) for account, imported, updated, same in con.execute(_COUNTS).fetchall()
    }
    if any(updated for _, updated, _ in counts.values()):
        for statement in (_TAKE_BACK, _KEEP_REPLACED, _DELETE_REPLACED):
            con.execute(statement)
    if any(imported or updated for imported, updated, _ in counts.values()):
        con.execute(_KEEP_PASSED_OVER)
        con.execute(_INSERT_NEWEST)
        con.execute(_TOUCH, {"touch_id": touch_id})
    con.unregister("read_lines")
    return counts


def _register(con: duckdb.DuckDBPyConnection, transactions: pl.DataFrame) -> None:
    con.register("read_lines", transactions.with_row_index("place"))


def _days(transactions: pl.DataFrame) -> tuple[date, date]:
    """The first and last day of the lines."""
    return transactions.select(pl.col("day").min().alias("first"), pl.col("day").max().alias("last")).row(0)


def _find_known(con: duckdb.DuckDBPyConnection, first: date, last: date) -> None:
    """Gather what stands there of the read lines, whatever its day, in `known_lines`."""
    con.execute(
        """CREATE OR REPLACE TEMP TABLE known_lines
        (account_id VARCHAR, transaction_id VARCHAR, day DATE, version INTEGER, payload_hash VARCHAR)"""
    )
    bounds = {"first": first, "last": last}
    con.execute(_KNOWN_AMONG_READ_DAYS, bounds)
    con.execute(_KNOWN_ELSEWHERE, bounds)
