"""Table `labels`: what people say a transaction is, `business` or `personal`; the newest word of each person counts."""

from __future__ import annotations

import duckdb
import polars as pl


def upsert(con: duckdb.DuckDBPyConnection, labels: pl.DataFrame) -> None:
    """Merge labels by account, transaction and person; the frame has the columns of the table."""
    con.register("new_labels", labels.to_arrow())
    con.execute(
        "DELETE FROM labels USING new_labels AS n WHERE labels.account_id = n.account_id"
        " AND labels.transaction_id = n.transaction_id AND labels.labelled_by = n.labelled_by"
    )
    con.execute("INSERT INTO labels BY NAME SELECT * FROM new_labels")
    con.unregister("new_labels")


def all_labels(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Read every label, in the order of account, transaction and time."""
    return con.execute("SELECT * FROM labels ORDER BY account_id, transaction_id, labelled_at, labelled_by").pl()
