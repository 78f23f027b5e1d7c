"""Telling whoever registered an invoice that bank money has paid it, in part or whole: at least once, in the end.

Holds the order of things: what is to be told is kept first, told next, and noted last, so that a crash in between tells
it again under the same reference. Must not hold when an invoice is paid (`resources/warehouse/payment_notices.py`), nor
how an authority is told (`resources/nrs.py`). Only what a person had signed is ever told of.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from resources.clock import Clock
from resources.drafting import signer_named
from resources.errors import ConfigurationError, KobosiftError, Unauthorised, Unreachable, UpstreamError
from resources.settings import Settings
from resources.warehouse import payment_notices
from resources.warehouse.connection import Warehouse
from resources.warehouse.payment_notices import Attempt, Notice

NOTICES_A_TIME = 200
SECONDS_A_TIME = 30.0
"""No notice is begun after so long: the rest waits for the next time."""


@dataclass(frozen=True)
class Told:
    """How it went: how many were told, and why another was not."""

    told: int
    error: str | None = None


def tell_payments(
    warehouse: Warehouse,
    settings: Settings,
    clock: Clock,
    *,
    run_id: str,
    limit: int = NOTICES_A_TIME,
    seconds: float = SECONDS_A_TIME,
) -> Told:
    """Keep what is new, tell what is due, and note how that went; what did not get through is told again later.

    Not to be called on an event loop.

    Raises:
        WarehouseError: the notices cannot be read or written.
    """
    with warehouse.read() as con:
        new = payment_notices.behind(con)
    if new:
        now = clock.now()
        warehouse.write(
            lambda con: payment_notices.raise_new(con, now=now, trace_id=run_id), run_id=run_id, note="payments to tell"
        )
    with warehouse.read() as con:
        notices = payment_notices.due(con, now=clock.now(), limit=limit)
    if not notices:
        return Told(0)
    attempts, error = asyncio.run(_tell_all(settings, notices, time.monotonic() + seconds))
    if attempts:
        now = clock.now()
        warehouse.write(lambda con: payment_notices.note(con, attempts, now=now), run_id=run_id, note="payments told")
    return Told(sum(each.cause is None for each in attempts), error)


async def _tell_all(settings: Settings, notices: Sequence[Notice], latest: float) -> tuple[list[Attempt], str | None]:
    """Tell in order until time is up or nobody can be told; how each went, and why one did not get through."""
    attempts: list[Attempt] = []
    told: str | None = None
    for notice in notices:
        if time.monotonic() > latest:
            break
        try:
            signer = signer_named(settings, notice.signer)
            await signer.pay(notice.irn, notice.payment_status, notice.notice_id)
        except KobosiftError as error:
            told = str(error)
            attempts.append(Attempt(notice.notice_id, _cause(error)))
            if isinstance(error, (Unreachable, Unauthorised)):
                break
            continue
        attempts.append(Attempt(notice.notice_id))
    return attempts, told


def _cause(error: KobosiftError) -> str:
    """Why a notice did not get through, in a word of ours."""
    if isinstance(error, ConfigurationError):
        return "not_configured"
    if isinstance(error, UpstreamError) and not isinstance(error, Unreachable):
        return "refused"
    return "unreachable"
