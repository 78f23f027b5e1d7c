"""`python -m bench [p1 p2 p5 p6 p7] [--lines N] [--runs N] [--json]`: measure, print the ratios, keep the figures."""

from __future__ import annotations

import argparse
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import p1_decide, p2_reconcile, p5_tuning, p6_webhooks, p7_start

WORKLOADS = {
    "p1": p1_decide.measure,
    "p2": p2_reconcile.measure,
    "p5": p5_tuning.measure,
    "p6": p6_webhooks.measure,
    "p7": p7_start.measure,
}
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Measure the workloads that were named, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"{', '.join(WORKLOADS)}; none: all")
    parser.add_argument("--lines", type=int, default=1_000_000, help="bank lines (default 1,000,000)")
    parser.add_argument("--runs", type=int, default=2, help="runs of each contestant, the best counts (default 2)")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON document")
    given = parser.parse_args()
    unknown = set(given.workloads) - set(WORKLOADS)
    if unknown:
        parser.error(f"no workload is called {', '.join(sorted(unknown))}")
    told = []
    for name in given.workloads or WORKLOADS:
        with tempfile.TemporaryDirectory() as folder:
            told.append(WORKLOADS[name](Path(folder), given.lines, given.runs))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%S}.json").write_text(json.dumps(told, indent=2), encoding="utf-8")
    if given.json:
        print(json.dumps(told))
    else:
        for figures in told:
            SHOWN[str(figures["workload"])](figures)


def show(figures: dict[str, object]) -> None:
    """The figures of one workload as a table, each bar beside what was reached."""
    table = Table(title=f"{figures['workload']}: {figures['lines']:,} lines")
    for column in ("contestant", "lines a second", "MiB", "ours is", "bar"):
        table.add_column(column, justify="left" if column == "contestant" else "right")
    for name, rate in figures["lines_per_second"].items():  # type: ignore[attr-defined]
        ratio, bar = figures["ours_to"].get(name), figures["bars"].get(name)  # type: ignore[attr-defined]
        reached = f"{ratio:.2f} x" if ratio else ""
        met = f">= {bar} x: {'met' if figures['met'][name] else 'not met'}" if bar else ""  # type: ignore[index]
        table.add_row(name, f"{rate:,.0f}", f"{figures['memory_mib'][name]:,.0f}", reached, met)  # type: ignore[index]
    console = Console()
    console.print(table)
    console.print(
        f"10,000 list entries take {figures['ten_thousand_entries_to_250']:.2f} x the time of 250 (bar: 1.5 x)."
    )
    for name, told in (("The SQL", "alike_with_sql"), ("Plain Python", "alike_with_python")):
        console.print(f"{name} decides {figures[told]:.4%} of the lines as we do.")


def show_tuning(figures: dict[str, object]) -> None:
    """The figures of P5 as a table: each time beside that of one decide of the same lines."""
    table = Table(title=f"{figures['workload']}: {figures['lines']:,} lines")
    for column in ("contestant", "lines a second", "MiB", "takes", "bar"):
        table.add_column(column, justify="left" if column == "contestant" else "right")
    for name, rate in figures["lines_per_second"].items():  # type: ignore[attr-defined]
        memory = f"{figures['memory_mib'][name]:,.0f}"  # type: ignore[index]
        table.add_row(name, f"{rate:,.0f}", memory, *_takes(figures, name, "to_decide", "a decide"))
    Console().print(table)


def show_reconciling(figures: dict[str, object]) -> None:
    """The figures of P2 as a table, and the ratios that have bars."""
    table = Table(title=f"{figures['workload']}: {figures['lines']:,} payments by as many invoices")
    for column in ("contestant", "size", "seconds", "MiB", "links", "precision", "recall", "linked"):
        table.add_column(column, justify="left" if column == "contestant" else "right")
    for name, run in figures["contestants"].items():  # type: ignore[attr-defined]
        shares = (f"{run[share]:.4f}" for share in ("precision", "recall", "recall_linked"))
        size = f"{figures['sizes'][name]:,}"  # type: ignore[index]
        table.add_row(name, size, f"{run['seconds']:.2f}", f"{run['mebibytes']:,.0f}", f"{run['links']:,}", *shares)
    console = Console()
    console.print(table)
    bars: dict[str, float] = figures["bars"]  # type: ignore[assignment]
    met = {name: "met" if held else "not met" for name, held in figures["met"].items()}  # type: ignore[attr-defined]
    console.print(f"Precision of links: >= {bars['precision']} is {met['precision']}.")
    console.print(f"Recall, linked or suggested: >= {bars['recall']} is {met['recall']}.")
    console.print(
        f"Ten times the size takes {figures['ten_times']:.1f} x the time (bar {bars['ten_times']}: {met['ten_times']})."
    )
    console.print(
        f"Ours takes {figures['to_splink']:.3f} x splink's time, with higher recall at no lower precision "
        f"(bar {bars['splink']}: {met['splink']})."
    )


def show_starting(figures: dict[str, object]) -> None:
    """The figures of P7 as a table: each time beside that of `import dagster`."""
    table = Table(title=f"{figures['workload']}: {figures['lines']:,} lines in the home")
    for column in ("contestant", "seconds", "of the processor", "takes", "bar"):
        table.add_column(column, justify="left" if column == "contestant" else "right")
    for name, seconds in figures["seconds"].items():  # type: ignore[attr-defined]
        busy = f"{figures['cpu_seconds'][name]:.2f}"  # type: ignore[index]
        table.add_row(name, f"{seconds:.2f}", busy, *_takes(figures, name, "to_dagster", "import dagster"))
    Console().print(table)


def _takes(figures: dict[str, object], name: str, ratios: str, beside: str) -> tuple[str, str]:
    """How long a contestant takes beside what its ratio is to, and whether its bar is met; blank where it has none."""
    ratio, bar = figures[ratios].get(name), figures["bars"].get(name)  # type: ignore[attr-defined]
    met = f"<= {bar} x: {'met' if figures['met'][name] else 'not met'}" if bar else ""  # type: ignore[index]
    return f"{ratio:.2f} x {beside}" if ratio else "", met


def show_landing(figures: dict[str, object]) -> None:
    """The figures of P6 as a table, and the ratios that have bars."""
    table = Table(title=f"{figures['workload']}: {figures['events']:,} events each")
    for column in ("contestant", "events a second", "median, ms", "99th percentile, ms"):
        table.add_column(column, justify="left" if column == "contestant" else "right")
    for name, rate in figures["a_second"].items():  # type: ignore[attr-defined]
        waits = (figures[share][name] for share in ("p50_milliseconds", "p99_milliseconds"))  # type: ignore[index]
        table.add_row(name, f"{rate:,.0f}", *(f"{wait:.1f}" for wait in waits))
    console = Console()
    console.print(table)
    ratios, bars = figures["ratios"], figures["bars"]
    met = {name: "met" if held else "not met" for name, held in figures["met"].items()}  # type: ignore[attr-defined]
    for name, told, sign in (("rate", "Our rate to that of the bare handler", ">="), ("p99", "Our wait to its", "<=")):
        bar = f"bar {sign} {bars[name]}: {met[name]}"  # type: ignore[index]
        console.print(f"{told}: {ratios[name]:.2f} x ({bar}).")  # type: ignore[index]


SHOWN = {"p1": show, "p2": show_reconciling, "p5": show_tuning, "p6": show_landing, "p7": show_starting}


if __name__ == "__main__":
    main()
