"""P2: reconcile payments with invoices, beside splink and reconcile-py, each at the size that it can do.

Each contestant reads the same books from Parquet in a process of its own, is told nothing of the truth, and hands its
links (and suggestions) over; start-up, imports and reading are left out for all alike. A link is right where the
payment pays that invoice; a payment's invoice is found where it is linked or among the suggestions.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl

from bench.payments import books
from rules.books import STANDING
from rules.policy import parse_policy

SMALL_SHARE, SPLINK_MOST, RECONCILE_PY_MOST = 10, 100_000, 2_000
_SAMPLED = 1e8
"""How many pairs splink samples: the least that it advises itself."""
BARS = {"precision": 0.999, "recall": 0.97, "ten_times": 12.0, "splink": 0.1}


def measure(folder: Path, lines: int, runs: int) -> dict[str, object]:
    """Generate the books, let each contestant work, and say how they compare and whether the bars are met."""
    sizes = {"ours": lines, "ours, a tenth": lines // SMALL_SHARE}
    sizes |= {"splink": min(lines // SMALL_SHARE, SPLINK_MOST), "reconcile-py": min(lines, RECONCILE_PY_MOST)}
    sizes["ours, as splink"] = sizes["splink"]
    told = {}
    for name, size in sizes.items():
        place = folder / f"books-{size}"
        if not place.exists():
            _contest("books", str(place), str(size))
        told[name] = min(
            (_contest(name.partition(",")[0], str(place)) for _ in range(runs)), key=lambda run: run["seconds"]
        )
    to_tenth = told["ours"]["seconds"] / told["ours, a tenth"]["seconds"]
    to_splink = told["ours, as splink"]["seconds"] / told["splink"]["seconds"]
    ours = told["ours"]
    return {
        "workload": "p2",
        "lines": lines,
        "sizes": sizes,
        "contestants": told,
        "ten_times": to_tenth,
        "to_splink": to_splink,
        "bars": BARS,
        "met": {
            "precision": ours["precision"] >= BARS["precision"],
            "recall": ours["recall"] >= BARS["recall"],
            "ten_times": to_tenth <= BARS["ten_times"],
            "splink": to_splink <= BARS["splink"]
            and told["ours, as splink"]["recall"] > told["splink"]["recall"]
            and told["ours, as splink"]["precision"] >= told["splink"]["precision"],
        },
    }


def _write(place: Path, size: int) -> dict[str, float]:
    """Generate the books; in a process of its own, whose memory no contestant inherits."""
    place.mkdir()
    made = books(size)
    for name in ("payments", "invoices", "truth"):
        getattr(made, name).write_parquet(place / f"{name}.parquet")
    return {}


def _contest(*arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.p2_reconcile", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def judged(found: pl.DataFrame, truth: pl.DataFrame) -> dict[str, float]:
    """How right the links are, and how much of the truth is linked or suggested.

    Args:
        found: `transaction_id`, `invoice_id`, `status` (linked or suggested).
        truth: `transaction_id`, `invoice_id`.

    """
    pair = ["transaction_id", "invoice_id"]
    linked = found.filter(pl.col("status") == "linked")
    right = linked.join(truth, on=pair, how="semi")
    reached = truth.join(found, on=pair, how="semi")
    return {
        "links": len(linked),
        "precision": len(right) / max(len(linked), 1),
        "recall": len(reached) / len(truth),
        "recall_linked": len(right) / len(truth),
    }


def ours(payments: pl.DataFrame, invoices: pl.DataFrame) -> Callable[[], pl.DataFrame]:
    """The product under the shipped policy."""
    from rules.reconciliation import reconcile

    policy = parse_policy("", "the shipped policy")
    few = [frame.filter(pl.col("organization_id") == "org-0").head(50) for frame in (payments, invoices)]
    reconcile(*few, STANDING.to_frame(), policy)  # what is compiled once
    return lambda: reconcile(payments, invoices, STANDING.to_frame(), policy).settlements


def splink(payments: pl.DataFrame, invoices: pl.DataFrame) -> Callable[[], pl.DataFrame]:
    """Splink on DuckDB: a Fellegi-Sunter model of name, amount, reference and day, trained on the books themselves.

    It is given the reference as a column, and of each payment the likeliest invoice counts as linked from a probability
    of 0.95 on.
    """
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    def side(frame: pl.DataFrame, key: str, name: str, amount: str, number: str, day: str) -> pl.DataFrame:
        return frame.select(
            unique_id=key,
            tenant="organization_id",
            name=pl.col(name).str.to_uppercase(),
            amount=pl.col(amount),
            number=number,
            day=pl.col(day).cast(pl.String),
        )

    paid = side(payments, "transaction_id", "payer", "amount", "reference", "day")
    owed = side(invoices, "invoice_id", "customer_name", "total_amount", "number", "issue_date")
    settings = SettingsCreator(
        link_type="link_only",
        blocking_rules_to_generate_predictions=[
            block_on("number"),
            block_on("tenant", "amount"),
            block_on("tenant", "substr(name, 1, 8)"),
        ],
        comparisons=[
            cl.JaroWinklerAtThresholds("name", [0.95, 0.88]),
            cl.ExactMatch("number"),
            cl.CustomComparison(
                output_column_name="amount",
                comparison_levels=[
                    {
                        "sql_condition": "amount_l IS NULL OR amount_r IS NULL",
                        "label_for_charts": "null",
                        "is_null_level": True,
                    },
                    {"sql_condition": "amount_l = amount_r", "label_for_charts": "exact"},
                    {
                        "sql_condition": "abs(amount_l - amount_r) < 0.2 * greatest(amount_l, amount_r)",
                        "label_for_charts": "near",
                    },
                    {"sql_condition": "ELSE", "label_for_charts": "else"},
                ],
            ),
        ],
        retain_intermediate_calculation_columns=False,
    )

    def work() -> pl.DataFrame:
        api = DuckDBAPI()
        frames = [
            api.register(each.to_arrow(), dataset_display_name=name)
            for name, each in (("payments", paid), ("invoices", owed))
        ]
        linker = Linker(frames, settings, log_level=None)
        linker.training.estimate_probability_two_random_records_match([block_on("number")], recall=0.6)
        linker.training.estimate_u_using_random_sampling(max_pairs=_SAMPLED)
        linker.training.estimate_parameters_using_expectation_maximisation(block_on("number"))
        linker.training.estimate_parameters_using_expectation_maximisation(block_on("tenant", "amount"))
        pairs = pl.from_arrow(linker.inference.predict(threshold_match_probability=0.5).as_pyarrow_table())
        assert isinstance(pairs, pl.DataFrame)
        left, right = pl.col("unique_id_l"), pl.col("unique_id_r")
        swapped = left.str.starts_with("i-")
        return (
            pairs.select(
                transaction_id=pl.when(swapped).then(right).otherwise(left),
                invoice_id=pl.when(swapped).then(left).otherwise(right),
                probability="match_probability",
            )
            .with_columns(first=pl.col("probability").rank("ordinal", descending=True).over("transaction_id") == 1)
            .with_columns(
                status=pl.when(pl.col("first") & (pl.col("probability") >= 0.95))
                .then(pl.lit("linked"))
                .otherwise(pl.lit("suggested"))
            )
        )

    return work


def reconcile_py(payments: pl.DataFrame, invoices: pl.DataFrame) -> Callable[[], pl.DataFrame]:
    """reconcile-py: the amount and 100 days as gates, reference and counterparty graded, splits as it finds them."""
    from reconcile import FieldRule, ReconcileConfig, Record, reconcile

    left = [
        Record(Decimal(amount), day, reference, payer, key)
        for amount, day, reference, payer, key in payments.select(
            "amount", "day", "reference", "payer", "transaction_id"
        ).iter_rows()
    ]
    right = [
        Record(Decimal(amount), day + timedelta(days=20), number, name, key)
        for amount, day, number, name, key in invoices.select(
            "total_amount", "issue_date", "number", "customer_name", "invoice_id"
        ).iter_rows()
    ]
    rules = (
        FieldRule("amount", "gate", pct_tol=Decimal(17)),
        FieldRule("date", "gate", day_tol=40),
        FieldRule("reference", "grade", weight=1.0),
        FieldRule("counterparty", "grade", weight=1.0),
    )

    def work() -> pl.DataFrame:
        found = reconcile(left, right, ReconcileConfig(rules, threshold=0.5))
        rows = [(one, other) for match in found.matches for one in match.left_ids for other in match.right_ids]
        return pl.DataFrame(rows, ["transaction_id", "invoice_id"], orient="row").with_columns(status=pl.lit("linked"))

    return work


CONTESTANTS = {"ours": ours, "splink": splink, "reconcile-py": reconcile_py}


def main() -> None:
    """Generate the books of a folder, or let one contestant work on them, and print how it went as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=["books", *CONTESTANTS])
    parser.add_argument("place", type=Path)
    parser.add_argument("size", type=int, nargs="?", default=0)
    given = parser.parse_args()
    told = _write(given.place, given.size) if given.name == "books" else _judge(given.name, given.place)
    print(json.dumps(told))


def _judge(name: str, place: Path) -> dict[str, float]:
    payments, invoices, truth = (
        pl.read_parquet(place / f"{frame}.parquet") for frame in ("payments", "invoices", "truth")
    )
    work = CONTESTANTS[name](payments, invoices)
    begun = time.perf_counter()
    found = work()
    seconds = time.perf_counter() - begun
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "mebibytes": memory, **judged(found, truth)}


if __name__ == "__main__":
    main()
