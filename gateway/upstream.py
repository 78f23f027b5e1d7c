"""How Mono's answers are passed on: 200 and 404 as it words them, any other failure a 502 that holds its words.

No BVN comes through beyond its last four digits: the client cuts it as it reads. The key never leaves the client.
"""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime
from typing import Any

from fastapi.responses import JSONResponse

from resources.errors import AccountNotFound

NO_ACCOUNT = {"status": "failed", "message": "This account does not exist.", "data": None}


async def passed_on(answer: Awaitable[dict[str, Any]]) -> Any:
    """Give Mono's answer, or its 404; its other failures are raised.

    Raises:
        UpstreamError: it failed in another way.
    """
    try:
        return await answer
    except AccountNotFound as error:
        return no_account(error.body)


def no_account(body: object = None) -> JSONResponse:
    """Mono's words for an account that is not there; another tenant's cannot be told from one that is nobody's."""
    return JSONResponse(body if isinstance(body, dict) and body else NO_ACCOUNT, 404)


def worded(message: str, now: datetime, **more: Any) -> dict[str, Any]:
    """Word an answer of our own as Mono does its."""
    moment = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"status": "successful", "message": message, "timestamp": moment, **more}
