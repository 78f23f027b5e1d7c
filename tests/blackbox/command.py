"""Runs the installed `kobosift` command as a user would: a process of its own, an environment, a home, no terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

COMMAND = Path(sys.executable).parent / "kobosift"
KEY = "sk_test_canary_5f2d088287702"  # an invented secret, searched for wherever it must not be
OUTCOME_COLUMNS = [
    "organization_id",
    "environment",
    "account_id",
    "transaction_id",
    "booked_at",
    "day",
    "direction",
    "amount",
    "currency",
    "narration",
    "counterparty",
    "reference",
    "status",
    "outcome",
    "disposition",
    "reason",
    "detail",
    "score",
    "evidence",
    "invoice_id",
    "draft_id",
    "policy_hash",
    "decided_at",
    "trace_id",
]
DRAFT_COLUMNS = [
    "draft_id",
    "kind",
    "status",
    "organization_id",
    "environment",
    "account_id",
    "transaction_id",
    "amount",
    "currency",
    "reference",
    "buyer_name",
    "missing",
    "contested",
    "created_at",
]
REJECTION_COLUMNS = [*OUTCOME_COLUMNS, "rejected_at", "replayed_at", "label", "labelled_by"]
IDENTITY = ["account_id", "transaction_id"]


@dataclass(frozen=True)
class Result:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err

    def sentence(self) -> str:
        """The error as the user reads it: some words, no traceback, no secret."""
        assert "Traceback" not in self.said, self.said
        assert KEY not in self.said, "the secret was printed"
        assert self.err.strip(), f"nothing on standard error: {self.out!r}"
        return " ".join(self.err.split())


@dataclass(frozen=True)
class Kobosift:
    """The command with one home and one upstream."""

    home: Path
    url: str
    settings: dict[str, str] = field(default_factory=dict)

    def environment(self, **more: str) -> dict[str, str]:
        """Nothing of ours but what a user would set."""
        own = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        base = {"HOME": str(self.home.parent), "KOBOSIFT_HOME": str(self.home), "MONO_BASE_URL": self.url}
        return own | base | {"MONO_SECRET_KEY": KEY} | self.settings | more

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        """Start the command in a process group of its own."""
        self.home.parent.mkdir(parents=True, exist_ok=True)
        return subprocess.Popen(
            [str(COMMAND), *arguments],
            env=self.environment(**more),
            cwd=self.home.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __call__(self, *arguments: str, **more: str) -> Result:
        """Run the command to its end."""
        process = self.start(*arguments, **more)
        try:
            out, err = process.communicate(timeout=600)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"{arguments} did not end: {out[-2000:]} {err[-2000:]}") from None
        assert "Traceback" not in out + err, f"{arguments}: {out[-3000:]}{err[-3000:]}"
        return Result(process.returncode, out, err)

    def done(self, *arguments: str, **more: str) -> Result:
        """Run the command; it must end well."""
        result = self(*arguments, **more)
        assert result.code == 0, f"kobosift {' '.join(arguments)} ended with {result.code}: {result.said[-3000:]}"
        return result

    def link(self, account_id: str, organization: str) -> None:
        """Link one account of the sandbox."""
        self.done("accounts", "link", account_id, "--organization", organization, "--environment", "sandbox")

    def exported(self, what: str, name: str) -> pl.DataFrame:
        """What `export` writes, by account and transaction."""
        out = self.home.parent / f"{name}.parquet"
        self.done("export", what, "--format", "parquet", "--out", str(out))
        return pl.read_parquet(out).sort(IDENTITY)

    def query(self, sql: str) -> list[dict[str, object]]:
        """What `sql --json` says."""
        answer: list[dict[str, object]] = json.loads(self.done("sql", sql, "--json").out)
        return answer
