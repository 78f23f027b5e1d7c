"""The tax authority's e-invoicing service (FIRS / NRS MBS): checks, registers and updates invoices.

Holds requests and what their answers mean. Must not hold what a document is (`rules/documents.py`), nor when one is
signed (`resources/drafting.py`). Neither its keys nor a document's values stand in an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from resources.errors import ConfigurationError, Unauthorised, Unreachable, UpstreamError
from resources.settings import Settings
from resources.signing import Stamp
from rules.documents import Document, Fault, written

_SECONDS = 30.0
_LONGEST = 300
_JSON = {"content-type": "application/json"}


class NrsClient:
    """Asks the service; every request raises an UpstreamError where it cannot be answered."""

    def __init__(self, base_url: str, key: str, secret: str, business_id: str) -> None:
        """Set the client up; nothing is connected yet."""
        self.business_id = business_id
        self._url = base_url
        self._headers = {"x-api-key": key, "x-api-secret": secret, "accept": "application/json"}

    @classmethod
    def of(cls, settings: Settings) -> NrsClient:
        """The client of the settings.

        Raises:
            ConfigurationError: one of them is missing.
        """
        given = (settings.nrs_base_url, settings.nrs_api_key, settings.nrs_api_secret, settings.nrs_business_id)
        base_url, key, secret, business_id = given
        if base_url is None or key is None or secret is None or business_id is None:
            raise ConfigurationError("NRS_BASE_URL needs NRS_API_KEY, NRS_API_SECRET and NRS_BUSINESS_ID beside it.")
        return cls(base_url, key.get_secret_value(), secret.get_secret_value(), business_id)

    async def check(self, document: Document) -> list[Fault]:
        """Have the reference number and the document checked; what is wrong with them."""
        irn = document["irn"]
        asked = {"business_id": self.business_id, "invoice_reference": irn.partition("-")[0], "irn": irn}
        refused = await self._ask("POST", "/api/v1/invoice/irn/validate", asked)
        if refused is not None:
            return [Fault("irn", refused)]
        refused = await self._ask("POST", "/api/v1/invoice/validate", self._whole(document))
        return [] if refused is None else [Fault("document", refused)]

    async def sign(self, document: Document) -> None:
        """Register a document; one that is registered already is left as it is."""
        if await self._ask("GET", f"/api/v1/invoice/confirm/{quote(document['irn'], safe='')}") is None:
            return
        refused = await self._ask("POST", "/api/v1/invoice/sign", self._whole(document))
        if refused is not None:
            raise UpstreamError(f"The authority did not sign the document ({refused}). Mend it, then sign again.")

    async def update_payment(self, irn: str, status: str, reference: str) -> None:
        """Say that a registered invoice was paid, in part or whole, under a reference."""
        told = {"payment_status": status, "reference": reference}
        refused = await self._ask("PATCH", f"/api/v1/invoice/update/{quote(irn, safe='')}", told)
        if refused is not None:
            raise UpstreamError(f"The authority did not take the payment's status ({refused}).")

    def _whole(self, document: Document) -> Document:
        return {**document, "business_id": document.get("business_id") or self.business_id}

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> str | None:
        """Ask once; None where it is granted, else why it is not."""
        content = None if body is None else written(body)
        try:
            async with httpx.AsyncClient(base_url=self._url, headers=self._headers, timeout=_SECONDS) as http:
                answer = await http.request(method, path, content=content, headers=_JSON)
        except httpx.HTTPError as error:
            told = f"The authority's service cannot be reached ({type(error).__name__}). Try again later."
            raise Unreachable(told) from None
        if answer.is_success:
            return None
        says = _says(answer)
        if answer.status_code in (401, 403):
            told = f"The authority refused the keys ({says}). Check NRS_API_KEY and NRS_API_SECRET."
            raise Unauthorised(told, status=answer.status_code, said=says)
        if answer.is_server_error or answer.status_code in (408, 429):
            told = f"The authority's service keeps failing (status {answer.status_code}). Try again later."
            raise Unreachable(told, status=answer.status_code, said=says)
        return says


@dataclass(frozen=True)
class NrsSigner:
    """Has documents checked and registered by the authority, and stamps them."""

    client: NrsClient
    stamp: Stamp
    name: str = "nrs"

    async def check(self, document: Document) -> list[Fault]:
        """What the authority finds."""
        return await self.client.check(document)

    async def sign(self, document: Document, *, now: datetime) -> str:
        """Register the document, then write the QR code's text."""
        await self.client.sign(document)
        return self.stamp.text(document["irn"], now)

    async def pay(self, irn: str, status: str, reference: str) -> None:
        """Tell the authority."""
        await self.client.update_payment(irn, status, reference)


def _says(answer: httpx.Response) -> str:
    """Return the service's words: `error.public_message` or `message`, with details where it gives them as text."""
    try:
        body = answer.json()
    except ValueError:
        return f"status {answer.status_code}"
    error = body.get("error") if isinstance(body, dict) else None
    told = [error.get("public_message"), error.get("details")] if isinstance(error, dict) else []
    parts = [part for part in told if isinstance(part, str) and part.strip()]
    if not parts and isinstance(body, dict) and isinstance(body.get("message"), str):
        parts = [body["message"]]
    return " ".join(": ".join(parts).split())[:_LONGEST] or f"status {answer.status_code}"
