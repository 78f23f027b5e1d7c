"""Whether a webhook is Mono's: two schemes, one or two live secrets, compared in constant time (interfaces section 4).

Holds the proof only. Where events go is in `resources/landing.py`, what they mean is no business of the gateway's.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from resources.landing import Scheme

TOLERANCE_SECONDS = 300
SECRET, SIGNATURE, TIMESTAMP = "mono-webhook-secret", "x-mono-signature", "x-mono-timestamp"
_SECONDS = re.compile(r"\d{1,12}", re.ASCII)
_DIGEST = re.compile(r"(?:sha256=)?([0-9a-fA-F]{64})", re.ASCII)


@dataclass(frozen=True)
class Claim:
    """What the headers of a webhook say that proves it: the secret itself was right, or a signature to be checked."""

    scheme: Scheme
    timestamp: str = ""
    digest: str = ""

    def holds(self, body: bytes, secrets: Sequence[SecretStr]) -> bool:
        """Whether the claim is true of the body, under any live secret."""
        if self.scheme != "hmac":
            return True
        signed = self.timestamp.encode() + b"." + body
        good = [
            hmac.compare_digest(hmac.new(_bytes(secret), signed, hashlib.sha256).hexdigest(), self.digest)
            for secret in secrets
        ]
        return any(good)


def claim_of(
    headers: Mapping[str, str], secrets: Sequence[SecretStr], *, now: datetime, verify: bool = True
) -> Claim | None:
    """Read what the headers claim; None where that is missing, malformed, too old, too new or wrong.

    Args:
        headers: of the request, by lower-case name.
        secrets: the live ones; without any nothing is proved.
        now: the time of arrival.
        verify: whether proof is asked for at all.
    """
    if not verify:
        return Claim("none")
    if SECRET in headers:
        given = headers[SECRET].encode("latin-1", "replace")
        good = [hmac.compare_digest(_bytes(secret), given) for secret in secrets]
        return Claim("secret") if any(good) else None
    timestamp, digest = headers.get(TIMESTAMP, ""), _DIGEST.fullmatch(headers.get(SIGNATURE, ""))
    if digest is None or not _SECONDS.fullmatch(timestamp) or not secrets:
        return None
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
        return None
    return Claim("hmac", timestamp, digest[1].lower())


def _bytes(secret: SecretStr) -> bytes:
    return secret.get_secret_value().encode()
