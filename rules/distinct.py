"""Work done once for each distinct text instead of once for each line.

Bank lines repeat themselves: the same payers, the same remarks but for their numbers. What costs much is computed over
the distinct texts of a batch and put back on every line, inside the one lazy pass.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl


def per_distinct(text: pl.Expr, outputs: Mapping[str, pl.Expr], dtypes: pl.Schema) -> pl.Expr:
    """Compute expressions over the distinct values of a text column.

    Args:
        text: a text column; a null has null outputs.
        outputs: by name, expressions over `pl.col("text")` that look at one row at a time.
        dtypes: the type of each output, in the order of the struct's fields.

    Returns:
        A struct column, one field an output.

    """
    names = dtypes.names()

    def look_up(values: pl.Series) -> pl.Series:
        lines = pl.DataFrame({"text": values})
        known = lines.lazy().unique().drop_nulls().with_columns(**outputs).select("text", *names).collect()
        found = lines.join(known, on="text", how="left", maintain_order="left")
        return found.select(pl.struct(names).alias("found")).to_series()

    return text.map_batches(look_up, return_dtype=pl.Struct(dtypes), is_elementwise=True)
