"""A candidate decided beside the policy in force: where they disagree is noted, beside the decisions, never instead.

The candidate is read once a run; it decides the same lines by the same lists and invoices at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb
import polars as pl

from resources.warehouse import policies, shadows
from rules.lists import Lists
from rules.overrules import decide_lifted
from rules.policy import Policy, parse_policy
from rules.replay import standing


@dataclass(frozen=True)
class Candidate:
    """A policy that is tried on each run."""

    shadow_id: str
    policy: Policy


def candidate(con: duckdb.DuckDBPyConnection) -> Candidate | None:
    """The candidate that is decided beside the policy in force, if any.

    Raises:
        PolicyError: its content cannot be used by this release.
    """
    found = policies.shadow(con)
    if found is None:
        return None
    return Candidate(found.shadow_id, parse_policy(found.content, "the candidate beside the policy in force"))


@dataclass(frozen=True)
class Asked:
    """What a policy is asked with besides the lines."""

    lists: Lists
    invoices: pl.DataFrame
    overrules: pl.DataFrame
    now: datetime

    def decide(self, lines: pl.DataFrame, policy: Policy) -> pl.DataFrame:
        """What a policy says of lines, the columns of `contracts.DECISIONS`."""
        return decide_lifted(
            lines,
            policy=policy,
            lists=self.lists,
            invoices=self.invoices,
            overrules=self.overrules,
            now=self.now,
        )


def note_disagreements(
    con: duckdb.DuckDBPyConnection,
    lines: pl.DataFrame,
    decided: pl.DataFrame,
    beside: Candidate,
    asked: Asked,
    *,
    policy_hash: str,
    trace_id: str,
) -> None:
    """Note of which lines the candidate says otherwise, on the days of `batch_days`; what was noted there before goes.

    Args:
        con: within the transaction that writes the decisions.
        lines: the columns of `contracts.TRANSACTIONS`.
        decided: what the policy in force says of them, the columns of `contracts.DECISIONS`.
        beside: the candidate.
        asked: what both are asked with.
        policy_hash: of the policy in force.
        trace_id: of the run.
    """
    key = ["organization_id", "environment", "account_id", "transaction_id", "day"]
    tried = asked.decide(lines, beside.policy).select(*key, candidate=standing(), candidate_score="score")
    found = (
        decided.select(*key, in_force=standing())
        .join(tried, on=key)
        .filter(pl.col("in_force") != pl.col("candidate"))
        .with_columns(
            shadow_id=pl.lit(beside.shadow_id),
            policy_hash=pl.lit(policy_hash),
            candidate_hash=pl.lit(beside.policy.hash),
            noted_at=pl.lit(asked.now),
            trace_id=pl.lit(trace_id),
        )
    )
    shadows.replace(con, beside.shadow_id, found)
