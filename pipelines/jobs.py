"""The jobs: one for each flow, with run config that a person can read and the same policy of failure.

Only a run that crashed is started again, once: what failed in a step says why, and would fail again. A run that lasts
longer than an hour is ended (history may take a night), so that nothing waits for ever for its place.
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from assets.accounts import BALANCES, IDENTITIES, INCOME
from assets.checks import CHECK_SPECS
from assets.decide import DECISIONS, DRAFTS, REJECTIONS, SETTLEMENTS
from assets.history import BANK_HISTORY
from assets.ingest import ACCOUNTS, TRANSACTIONS
from assets.maintenance import MAINTENANCE
from assets.webhooks import WEBHOOK_EVENTS
from pipelines.purging import retention

_HOUR = 3600


def failure_policy(hours: int = 1) -> Mapping[str, str]:
    """The tags by which Dagster retries and ends a run; they hold whatever `dagster.yaml` says."""
    return {
        "dagster/max_retries": "1",
        "dagster/retry_on_asset_or_op_failure": "false",
        "dagster/max_runtime": str(hours * _HOUR),
    }


_PROOFS = dg.AssetSelection.checks(*(spec.key for spec in CHECK_SPECS))


def _assets(*specs: dg.AssetSpec) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*(spec.key for spec in specs)).without_checks()


INGEST = dg.define_asset_job(
    "ingest",
    _assets(ACCOUNTS, TRANSACTIONS),
    description="Pull what is new from Mono, account by account. ops.pull.config.lookback_days reads further back.",
    tags=failure_policy(),
)
WEBHOOKS = dg.define_asset_job(
    "webhooks",
    _assets(WEBHOOK_EVENTS),
    description=(
        "Take in the events that have landed: merge, keep, or pull the account they speak of. "
        "ops.take_in.config.batches bounds how many."
    ),
    tags=failure_policy(),
)
HISTORY = dg.define_asset_job(
    "bank_history",
    _assets(BANK_HISTORY),
    description=(
        "Read chosen booked days from Mono: choose partitions, or ops.read_history.config.start and end. "
        "accounts: new leaves out those of which the days were read already."
    ),
    tags=failure_policy(hours=12),
)
ACCOUNT_DETAILS = dg.define_asset_job(
    "account_details",
    _assets(BALANCES, IDENTITIES, INCOME),
    description="Look all linked accounts up: details and data status, balance, holder, income.",
    tags=failure_policy(),
)
DECIDE = dg.define_asset_job(
    "decide",
    _assets(DECISIONS, SETTLEMENTS, DRAFTS, REJECTIONS),
    description=(
        "Decide days anew: decisions, drafts, rejections, and the proofs that nothing was lost. Choose partitions, or "
        "ops.decide_days.config.start and end; only_stale: true leaves out what would be decided the same."
    ),
    tags=failure_policy(hours=6),
)
CHECK = dg.define_asset_job("check", _PROOFS, description="The proofs alone.", tags=failure_policy())
MAINTAIN = dg.define_asset_job(
    "maintenance",
    _assets(MAINTENANCE),
    description="Tidy the warehouse: small files merged, old snapshots let go, files nobody needs removed.",
    tags=failure_policy(),
)
RETENTION = retention.to_job(
    description="Erase what is older than MONO_DATA_RETENTION_DAYS, and finish erasures that were begun.",
    tags=failure_policy(hours=6),
)
JOBS = (INGEST, WEBHOOKS, HISTORY, ACCOUNT_DETAILS, DECIDE, CHECK, MAINTAIN, RETENTION)
