"""Work done no oftener than it must: once for each distinct value, or on the few lines that need it.

Bank lines repeat themselves: the same payers, the same remarks but for their numbers. What costs much is computed over
the distinct values of a batch and put back on every line, inside the one lazy pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import polars as pl


def per_distinct(
    values: pl.Expr, steps: Sequence[Mapping[str, pl.Expr]], dtypes: pl.Schema, name: str = "text"
) -> pl.Expr:
    """Compute expressions over the distinct values of a column.

    Args:
        values: a column; a null has null outputs.
        steps: by name, expressions over `pl.col(name)` that look at one row at a time, and over what the steps before
            have made of it.
        dtypes: the type of each output, in the order of the struct's fields.
        name: what the expressions call the value.

    Returns:
        A struct column, one field an output. Unnest it; a field taken alone is computed again with each other one.

    """
    outputs = dtypes.names()

    def look_up(batch: pl.Series) -> pl.Series:
        lines = batch.alias(name).to_frame()
        known = lines[name].unique().drop_nulls().to_frame().lazy()
        places = known.with_row_index("place")
        found = known
        for step in steps:
            found = found.with_columns_seq(**step)
        told = found.select_seq(pl.struct(outputs).alias("found")).collect(engine="in-memory")["found"]
        return told.gather(
            lines.lazy().join(places, on=name, how="left", maintain_order="left").collect(engine="in-memory")["place"]
        )

    return values.map_batches(look_up, return_dtype=pl.Struct(dtypes), is_elementwise=True)


def only_where(
    condition: pl.Expr,
    inputs: Mapping[str, pl.Expr],
    work: Callable[[pl.LazyFrame], pl.LazyFrame],
    dtypes: pl.Schema,
) -> pl.Expr:
    """Compute columns for the few lines where a condition holds, null everywhere else.

    Args:
        condition: a null does not hold.
        inputs: by name, the columns that the work reads.
        work: adds the outputs to the few lines and keeps their order.
        dtypes: the type of each output, in the order of the struct's fields.

    Returns:
        A struct column, one field an output. Unnest it; a field taken alone is computed again with each other one.

    """
    outputs = dtypes.names()

    def look_closer(batch: pl.Series) -> pl.Series:
        lines = batch.struct.unnest()
        few = (
            work(lines.lazy().filter("_holds"))
            .select_seq(pl.struct(outputs).alias("found"))
            .collect(engine="in-memory")
        )
        place = lines.select_seq(pl.when("_holds").then(pl.col("_holds").cum_sum() - 1)).to_series()
        return few.to_series().gather(place)

    named = [condition.fill_null(value=False).alias("_holds"), *(column.alias(name) for name, column in inputs.items())]
    return pl.struct(named).map_batches(look_closer, return_dtype=pl.Struct(dtypes), is_elementwise=True)


def put_back(values: pl.Series, rows: pl.Series, height: int) -> pl.Series:
    """The values of some rows among all of them, null in the others.

    Args:
        values: what was found, in any order.
        rows: for each value its row, counted from 0.
        height: how many rows there are.

    """
    places = pl.repeat(None, height, dtype=pl.UInt32, eager=True)
    return values.gather(places.scatter(rows, pl.arange(len(values), dtype=pl.UInt32, eager=True)))
