"""What `kobosift demo` shows: sync, decide, the funnel, how right it was, three decisions. Imported inside it only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import polars as pl
from pydantic import SecretStr

from cli import reports
from cli.local import ACCOUNTS, DAYS, PORT, SEED
from cli.output import say, table
from cli.runs import Wishes, open_runs
from cli.session import Session, begin, prepared
from resources.errors import ConfigurationError
from resources.invoice_files import Form, read_content
from resources.invoice_import import import_invoices
from resources.settings import Settings, load_settings
from resources.warehouse import accounts, audit, settlements
from rules.invoices import Owner
from rules.passport import explain
from sandbox.server import Sandbox, write_truth
from sandbox.world import World, build_world

SANDBOX_KEY = "sandbox"
"""An invented key: a sandbox takes any."""

_REQUESTS_PER_SECOND = 500.0
_SHOWN = (
    ("A rejected one", ["personal_keyword"]),
    ("Money that only moved, or came back", ["self_transfer", "reversal"]),
)
_LOOKED_AT = 100


def show() -> bool:
    """Sync and decide an invented world of accounts in the home, and show what came of it; whether all went well.

    Raises:
        ConfigurationError, PolicyError: a setting is wrong.
    """
    settings = load_settings()
    world = newest_world()
    with Sandbox(world) as sandbox:
        say(f"A Mono of invented accounts runs at {sandbox.url}: {len(world.account_ids)} accounts, {DAYS} days.")
        session = begin(prepared(at_sandbox(settings, sandbox.url)))
        refuse_a_home_of_others(session, world)
        write_truth(world, settings.kobosift_home / "sandbox")
        link_world(session, world)
        with open_runs(Wishes(accounts=frozenset(world.account_ids)), session) as runs:
            synced = runs.ingest()
            say()
            reports.print_sync(synced)
            decided, proof = runs.runner.decide_stale(), runs.runner.proof
            say()
            reports.print_decisions(decided, proof)
    with session.warehouse.read() as con:
        outcomes = audit.newest(con, "outcomes", 10_000)
    mine = outcomes.filter(pl.col("account_id").is_in(world.account_ids)).sort("amount", descending=True)
    _accuracy(mine, world)
    _examples(session, mine)
    _next(settings)
    failed = [reports.warn_of_accounts(synced), reports.warn_of_checks(proof)]
    return not any(failed)


def refuse_a_home_of_others(session: Session, world: World) -> None:
    """See that invented money is kept away from real money.

    Raises:
        ConfigurationError: accounts are linked in the home that are not the sandbox's.
    """
    with session.warehouse.read() as con:
        linked = accounts.listed(con, linked_only=True)
    if others := [account for account in linked if account.account_id not in world.account_ids]:
        raise ConfigurationError(
            f"this home has {len(others)} linked accounts of its own, and the sandbox's are invented: "
            "set KOBOSIFT_HOME to another folder for it."
        )


def newest_world() -> World:
    """The demo's world up to yesterday (Lagos): on the same day always the same."""
    yesterday = (datetime.now(UTC) + timedelta(hours=1)).date() - timedelta(days=1)
    return build_world(ACCOUNTS, DAYS, SEED, yesterday)


def at_sandbox(settings: Settings, address: str) -> Settings:
    """The settings with a sandbox for a Mono: the real key does not go there, and nothing limits the speed."""
    key = SecretStr(SANDBOX_KEY)
    told = {"mono_base_url": address, "mono_secret_key": key, "mono_rate_limit": _REQUESTS_PER_SECOND}
    return settings.model_copy(update=told)


def link_world(session: Session, world: World) -> None:
    """Link the accounts of a sandbox and take in its tenants' invoices; what is there already stays."""
    now = session.now()

    def work(con: duckdb.DuckDBPyConnection) -> None:
        for account in world.accounts:
            accounts.link(con, account.id, account.organization_id, account.environment, now=now)

    session.warehouse.write(work, run_id=session.command_id, note="link the sandbox's accounts")
    found = read_content(world.invoices().write_csv().encode(), Form.CSV)
    import_invoices(session.warehouse, found, Owner(), now=now, run_id=session.command_id)


def _accuracy(outcomes: pl.DataFrame, world: World) -> None:
    """Hold what was decided against the truth, label by label."""
    judged = world.truth().join(outcomes, on=["account_id", "transaction_id"])
    eligible = pl.col("outcome") == "eligible"
    by_label = judged.group_by("label").agg(pl.len(), eligible.sum().alias("eligible")).sort("label")
    say("Against the truth, which the sandbox keeps apart:")
    rows = [(label, f"{lines:,}", f"{taken:,}", f"{taken / lines:.1%}") for label, lines, taken in by_label.iter_rows()]
    say(table(["label", "lines", "eligible", "share"], rows, right=("lines", "eligible", "share")))
    taken, business = judged.filter(eligible), judged.filter(pl.col("label") == "business")
    right = len(taken.filter(pl.col("label") == "business"))
    say(f"Precision {right / max(len(taken), 1):.1%}, recall {right / max(len(business), 1):.1%} of business lines.")


def _examples(session: Session, outcomes: pl.DataFrame) -> None:
    """Explain three decisions of different kinds: a payment less withheld tax, and lines that are none."""
    matched = outcomes.filter(pl.col("disposition") == "matched").head(_LOOKED_AT)
    with session.warehouse.read() as con:
        for row in matched.iter_rows(named=True):
            settled = settlements.of_transaction(con, row["account_id"], row["transaction_id"])
            if any(each["deducted"] for each in settled):
                _example(
                    "A payment of an invoice, less what the buyer withheld", explain(row, session.policy.name, settled)
                )
                break
    for title, details in _SHOWN:
        found = outcomes.filter(pl.col("detail").is_in(details))
        if len(found):
            _example(title, explain(found.row(0, named=True), session.policy.name))


def _example(title: str, told: str) -> None:
    say()
    say(f"--- {title}")
    say(told)


def _next(settings: Settings) -> None:
    say()
    say(f"All of it is in {settings.kobosift_home}. What to type next:")
    for command in (
        'kobosift sql "SELECT day, transactions, drafted, rejected FROM audit.funnel ORDER BY day DESC LIMIT 10"',
        "kobosift rejections list",
        "kobosift drafts list",
        "kobosift export outcomes --format xlsx --out outcomes.xlsx",
        "kobosift sandbox",
        f"MONO_BASE_URL=http://127.0.0.1:{PORT} MONO_SECRET_KEY={SANDBOX_KEY} kobosift run    (beside that sandbox)",
    ):
        say(f"  {command}")
