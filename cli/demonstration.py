"""What `kobosift demo` shows: sync, decide, the funnel, how right it was, three decisions. Imported inside it only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import polars as pl
from pydantic import SecretStr

from cli import reports
from cli.output import say, table
from cli.runs import Wishes, open_runs
from cli.session import Session, begin
from resources.settings import Settings, load_settings
from resources.warehouse import accounts, audit, invoices
from rules.passport import explain
from sandbox.server import Sandbox, write_truth
from sandbox.world import World, build_world

ACCOUNTS, DAYS, SEED = 6, 60, 7
_REQUESTS_PER_SECOND = 500.0
_SHOWN = (
    ("An eligible line", ("eligible", "business_signal")),
    ("A rejected one", ("rejected", "personal_keyword")),
    ("Money moved between own accounts", ("rejected", "self_transfer")),
    ("A reversal", ("rejected", "reversal")),
)


def show() -> None:
    """Sync and decide an invented world of accounts in the home, and show what came of it.

    Raises:
        ConfigurationError, PolicyError: a setting is wrong.
    """
    settings = load_settings()
    world = newest_world()
    write_truth(world, settings.kobosift_home / "sandbox")
    with Sandbox(world) as sandbox:
        say(f"A Mono of invented accounts runs at {sandbox.url}: {len(world.account_ids)} accounts, {DAYS} days.")
        session = begin(at_sandbox(settings, sandbox.url))
        link_world(session, world)
        with open_runs(Wishes(accounts=frozenset(world.account_ids)), session) as runs:
            synced = runs.ingest()
            say()
            reports.print_sync(synced)
            decided = runs.runner.decide_stale()
            say()
            reports.print_decisions(decided, runs.runner.proof)
    _accuracy(session, world)
    _examples(session)
    _next(settings)


def newest_world() -> World:
    """The demo's world up to yesterday (Lagos): on the same day always the same."""
    yesterday = (datetime.now(UTC) + timedelta(hours=1)).date() - timedelta(days=1)
    return build_world(ACCOUNTS, DAYS, SEED, yesterday)


def at_sandbox(settings: Settings, address: str) -> Settings:
    """The settings with a sandbox for a Mono: no key goes there, and nothing limits the speed."""
    told = {"mono_base_url": address, "mono_secret_key": SecretStr("sandbox"), "mono_rate_limit": _REQUESTS_PER_SECOND}
    return settings.model_copy(update=told)


def link_world(session: Session, world: World) -> None:
    """Link the accounts of a sandbox and take in its tenants' invoices; what is there already stays."""
    now = session.now()

    def work(con: duckdb.DuckDBPyConnection) -> None:
        for account in world.accounts:
            accounts.link(con, account.id, account.organization_id, account.environment, now=now)
        invoices.upsert(con, _invoices(world, now))

    session.warehouse.write(work, run_id=session.command_id, note="link the sandbox's accounts")


def _invoices(world: World, now: datetime) -> pl.DataFrame:
    """The sandbox's invoices in the columns of table `invoices`: amounts in minor units, exact."""
    minor = (pl.col("total_amount", "net_amount", "vat_amount").str.replace(".", "", literal=True)).cast(pl.Int64)
    return world.invoices().with_columns(
        minor, pl.col("issue_date", "due_date").str.to_date(), imported_at=pl.lit(now, pl.Datetime("us", "UTC"))
    )


def _accuracy(session: Session, world: World) -> None:
    """Hold what was decided against the truth, label by label."""
    with session.warehouse.read() as con:
        outcomes = con.execute("SELECT account_id, transaction_id, outcome FROM audit.outcomes").pl()
    judged = world.truth().join(outcomes, on=["account_id", "transaction_id"])
    eligible = pl.col("outcome") == "eligible"
    by_label = judged.group_by("label").agg(pl.len(), eligible.sum().alias("eligible")).sort("label")
    say("Against the truth, which the sandbox keeps apart:")
    rows = [(label, f"{lines:,}", f"{taken:,}", f"{taken / lines:.1%}") for label, lines, taken in by_label.iter_rows()]
    say(table(["label", "lines", "eligible", "share"], rows, right=("lines", "eligible", "share")))
    taken, business = judged.filter(eligible), judged.filter(pl.col("label") == "business")
    right = len(taken.filter(pl.col("label") == "business"))
    say(f"Precision {right / max(len(taken), 1):.1%}, recall {right / max(len(business), 1):.1%} of business lines.")


def _examples(session: Session) -> None:
    """Explain up to three decisions of different kinds."""
    shown = 0
    for title, (outcome, detail) in _SHOWN:
        with session.warehouse.read() as con:
            found = con.execute(
                "SELECT * FROM audit.outcomes WHERE outcome = ? AND detail = ? ORDER BY amount DESC, transaction_id LIMIT 1",
                [outcome, detail],
            ).pl()
        if len(found) and shown < 3:
            shown += 1
            say()
            say(f"--- {title}")
            say(explain(found.row(0, named=True), session.policy.name))


def _next(settings: Settings) -> None:
    say()
    say(f"All of it is in {settings.kobosift_home}. What to type next:")
    for command in (
        'kobosift sql "SELECT day, transactions, drafted, rejected FROM audit.funnel ORDER BY day DESC LIMIT 10"',
        "kobosift rejections list",
        "kobosift drafts list",
        "kobosift export outcomes --format xlsx --out outcomes.xlsx",
        "kobosift sandbox        (then, beside it: MONO_BASE_URL=http://127.0.0.1:8787 kobosift run)",
    ):
        say(f"  {command}")
