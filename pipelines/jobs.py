"""The jobs: ingest, decide (which proves by itself), and the proofs alone."""

from __future__ import annotations

import dagster as dg

from assets.checks import CHECK_SPECS
from assets.decide import DECISIONS, DRAFTS, REJECTIONS
from assets.ingest import ACCOUNTS, TRANSACTIONS

_PROOFS = dg.AssetSelection.checks(*(spec.key for spec in CHECK_SPECS))
_DERIVED = dg.AssetSelection.assets(DECISIONS.key, DRAFTS.key, REJECTIONS.key).without_checks()

INGEST = dg.define_asset_job(
    "ingest",
    dg.AssetSelection.assets(ACCOUNTS.key, TRANSACTIONS.key).without_checks(),
    description="Pull what is new from Mono, account by account.",
)
DECIDE = dg.define_asset_job(
    "decide",
    _DERIVED,
    description="Decide days anew: decisions, drafts, rejections, and the proofs that nothing was lost.",
)
CHECK = dg.define_asset_job("check", _PROOFS, description="The proofs alone.")
JOBS = (INGEST, DECIDE, CHECK)
