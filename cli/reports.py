"""What `sync`, `decide` and `run` tell: the same figures as lines for people and as a JSON document."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from typing import TYPE_CHECKING

from cli.output import say, table, warn
from rules.money import money

if TYPE_CHECKING:
    from assets.decisions import DecideReport
    from resources.sync import SyncReport
    from resources.warehouse.checks import Proof
    from resources.webhooks import LandedReport

_FIGURES = ("imported", "updated", "unchanged", "quarantined")
DISPOSITIONS = ("matched", "review", "drafted", "rejected", "held", "waiting")


def sync_document(report: SyncReport) -> dict[str, object]:
    """The figures of a sync, in all and by account."""
    accounts = [asdict(account) for account in report.accounts]
    totals = {name: sum(account[name] for account in accounts) for name in _FIGURES}
    return {**totals, "failed": [account.account_id for account in report.failed], "accounts": accounts}


def print_sync(report: SyncReport) -> None:
    """The figures of a sync, account by account."""
    if not report.accounts:
        say("No account is linked: kobosift accounts link ID --organization O")
        return
    headers = ["account", "organization", *_FIGURES, "data status"]
    rows = [
        [each.account_id, each.organization_id, *(f"{getattr(each, name):,}" for name in _FIGURES), each.data_status]
        for each in report.accounts
    ]
    say(table(headers, rows, right=_FIGURES))
    if quarantined := sum(each.quarantined for each in report.accounts):
        say(f'{quarantined:,} rows could not be read: kobosift sql "FROM audit.quarantine" shows them and why.')


def landed_document(report: LandedReport | None) -> dict[str, object]:
    """How many landed files were taken in, and what came of their events."""
    if report is None:
        return {"files": 0, "outcomes": {}, "causes": {}}
    return {"files": report.files, "outcomes": dict(report.outcomes), "causes": dict(report.causes)}


def print_landed(report: LandedReport | None) -> None:
    """What came of landed files, where there were any."""
    if report is not None:
        told = ", ".join(f"{count:,} {outcome.replace('_', ' ')}" for outcome, count in report.outcomes.items())
        say(f"Took in {report.files:,} landed files: {told}.")


def warn_of_events(report: LandedReport | None) -> bool:
    """Say on standard error why events failed; whether pulls did, since what is quarantined alone is named only."""
    if report is None:
        return False
    for cause, count in report.causes.items():
        warn(f"kobosift: {count:,} landed event{'s' if count > 1 else ''}: {cause}")
    return any(outcome.value == "pull_failed" for outcome in report.outcomes)


def warn_of_accounts(report: SyncReport) -> bool:
    """Name the accounts that failed and why on standard error; whether there were any."""
    alike: dict[str | None, list[str]] = defaultdict(list)
    for each in report.failed:
        alike[each.error].append(each.account_id)
    for error, accounts in alike.items():
        warn(f"kobosift: account{'s' if len(accounts) > 1 else ''} {', '.join(accounts)}: {error}")
    return bool(report.failed)


def decision_document(report: DecideReport | None, proof: Proof) -> dict[str, object]:
    """The figures of a decision run (null where there was nothing to decide), the funnel, the checks in counts."""
    checks = [
        {
            "table": each.check.table,
            "check": each.check.name,
            "passed": each.passed,
            "warns": each.check.warns,
            "counts": each.counts,
        }
        for each in proof.verdicts
    ]
    return {"decide": asdict(report) if report else None, "funnel": funnel_document(proof), "checks": checks}


def funnel_document(proof: Proof) -> list[dict[str, object]]:
    """One mapping a tenant and currency: all lines and their amount, and both for each disposition."""
    ends: dict[tuple[object, ...], dict[str, tuple[int, int]]] = defaultdict(dict)
    for row in proof.funnel:
        key = (row["organization_id"], row["environment"], row["currency"])
        ends[key][str(row["disposition"])] = (int(str(row["lines"])), int(str(row["amount"])))
    return [
        {
            **dict(zip(("organization_id", "environment", "currency"), key, strict=True)),
            "transactions": sum(lines for lines, _ in found.values()),
            "amount": sum(amount for _, amount in found.values()),
            **{name: found.get(name, (0, 0))[0] for name in DISPOSITIONS},
            **{f"amount_{name}": found.get(name, (0, 0))[1] for name in DISPOSITIONS},
        }
        for key, found in ends.items()
    ]


def print_decisions(report: DecideReport | None, proof: Proof) -> None:
    """The figures of a decision run, the funnel, and how many checks passed."""
    if report is None:
        say("Nothing to decide: no line, policy, list or invoice changed.")
    else:
        say(
            f"Decided {report.lines:,} lines of {report.days:,} days: {report.changed:,} decisions changed, "
            f"{report.drafts_created:,} drafts made, {report.drafts_withdrawn:,} withdrawn, "
            f"{report.rejections_new:,} new rejections."
        )
    say()
    print_funnel(proof)
    passed = sum(each.passed for each in proof.verdicts)
    say(f"{passed} of {len(proof.verdicts)} checks passed{'' if proof.whole else ', on the days of this run'}.")


def print_funnel(proof: Proof) -> None:
    """Lines and amounts by tenant and currency, from all of them down to what became of each."""
    headers = ["organization", "environment", "", "lines", "amount"]
    rows: list[list[object]] = []
    for tenant in funnel_document(proof):
        currency = str(tenant["currency"]) if tenant["currency"] else None
        who: list[object] = [tenant["organization_id"], tenant["environment"]]
        for name in ("transactions", *DISPOSITIONS):
            lines = int(str(tenant[name]))
            amount = int(str(tenant["amount" if name == "transactions" else f"amount_{name}"]))
            if lines or name in ("transactions", "drafted", "rejected"):
                told = name if name == "transactions" else f"  {name}"
                rows.append([*who, told, f"{lines:,}", money(amount, currency)])
                who = ["", ""]
    if rows:
        say(table(headers, rows, right=("lines", "amount")))
        say()


def warn_of_checks(proof: Proof) -> bool:
    """Name the checks that failed and rows at fault on standard error; whether any of them does more than warn."""
    failed = [each for each in proof.verdicts if not each.passed]
    for each in failed:
        rows = f" Rows at fault: {', '.join(each.rows)}." if each.rows else ""
        counts = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in each.counts.items())
        warn(
            f"kobosift: check {each.check.table}/{each.check.name} {'warns' if each.check.warns else 'failed'}: "
            f"it should be that {each.check.says}; it found {counts}.{rows}"
        )
    return any(not each.check.warns for each in failed)
