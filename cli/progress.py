"""Live progress of a sync: one bar for each account, on standard error, where a person watches."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from resources.sync import AccountReport


class Bars:
    """Draws what a sync tells of each account; use as a context."""

    def __init__(self, console: Console | None = None) -> None:
        self._progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}", markup=False),
            TextColumn("{task.fields[rows]:>9,} rows", markup=False),
            TextColumn("{task.fields[state]}", markup=False),
            TimeElapsedColumn(),
            console=console or Console(stderr=True),
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def account_started(self, account_id: str) -> None:
        """Show a bar for the account."""
        self._tasks[account_id] = self._progress.add_task(account_id, total=None, rows=0, state="reading")

    def rows(self, account_id: str, count: int) -> None:
        """Count rows that were read of the account."""
        task = self._tasks[account_id]
        self._progress.update(task, rows=self._progress.tasks[task].fields["rows"] + count)

    def account_done(self, report: AccountReport) -> None:
        """Close the account's bar."""
        state = "failed" if report.error else f"{report.imported:,} new, {report.updated:,} corrected"
        self._progress.update(self._tasks[report.account_id], total=1, completed=1, state=state)
