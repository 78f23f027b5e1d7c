"""The arguments that several commands share, each spelt once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Environment(StrEnum):
    """The two environments of a tenant."""

    SANDBOX = "sandbox"
    PRODUCTION = "production"


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Organization = Annotated[str | None, typer.Option("--organization", help="The organisation's id.")]
InEnvironment = Annotated[
    Environment | None,
    typer.Option(
        "--environment",
        help="sandbox or production; left out: KOBOSIFT_ENVIRONMENT, or without --organization the tenant's own.",
    ),
]
EitherEnvironment = Annotated[
    Environment | None, typer.Option("--environment", help="sandbox or production; left out: both.")
]
OneAccount = Annotated[str | None, typer.Option("--account", help="The account's id.")]
Start = Annotated[
    datetime | None,
    typer.Option("--start", formats=["%Y-%m-%d"], metavar="DATE", help="First booked day (Africa/Lagos), YYYY-MM-DD."),
]
End = Annotated[
    datetime | None,
    typer.Option("--end", formats=["%Y-%m-%d"], metavar="DATE", help="Last booked day (Africa/Lagos), YYYY-MM-DD."),
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help="At most so many, the newest first.")]
ReportFile = Annotated[
    Path | None, typer.Option("--report", metavar="FILE", help="Write one page of HTML with charts.")
]
OutFile = Annotated[Path, typer.Option("--out", help="The file to write; one that is there is replaced.")]


def days(start: datetime | None, end: datetime | None) -> tuple[date | None, date | None]:
    """The days of `--start` and `--end`.

    Raises:
        typer.BadParameter: the first day is after the last.
    """
    first, last = start.date() if start else None, end.date() if end else None
    if first and last and first > last:
        message = f"--start {first} is after --end {last}"
        raise typer.BadParameter(message)
    return first, last


LAGOS = timezone(timedelta(hours=1), "Africa/Lagos")


def moment(name: str, text: str) -> datetime:
    """A moment as a person writes it: ISO 8601; without a zone it is Lagos time, a day alone is meant to its end.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        if len(text) == len("2025-01-31"):
            return datetime.combine(date.fromisoformat(text) + timedelta(days=1), datetime.min.time(), LAGOS)
        given = datetime.fromisoformat(text)
        found = given if given.tzinfo else given.replace(tzinfo=LAGOS)
        found.astimezone(UTC)  # as it will be kept: at either end of the calendar there is none
    except (ValueError, OverflowError):
        message = f"{name} is a day (2025-01-31) or a moment (2025-01-31T14:00+01:00), not {text!r}"
        raise typer.BadParameter(message) from None
    return found
