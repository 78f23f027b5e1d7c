"""Signing: one small interface, the QR that every signed invoice carries, and the local signer.

The local signer is the embedded default: it registers nothing anywhere. Where a document is registered with the
authority is in `resources/nrs.py`. The QR holds the invoice reference number and the moment of signing, encrypted under
the authority's public key (RSA-OAEP with SHA-256), as its documentation says.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import segno
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from resources.errors import ConfigurationError
from resources.settings import Settings
from rules.documents import Document, Fault

SANDBOX_SERVICE_ID = "KOBOSIFT"
_PUBLIC, _PRIVATE = "qr-public.pem", "qr-private.pem"
_KEY_BITS = 2048
_OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)


class Signer(Protocol):
    """Who checks and signs documents, which hold their `irn`."""

    @property
    def name(self) -> str:
        """What signatures say of who made them."""

    async def check(self, document: Document) -> list[Fault]:
        """What keeps the document from being signed, besides what the rules find."""

    async def sign(self, document: Document, *, now: datetime) -> str:
        """Sign the document, or see that it is signed, and return what its QR code says."""

    async def pay(self, irn: str, status: str, reference: str) -> None:
        """Hear that a signed document was paid: `PARTIAL` or `PAID`; the same reference again says nothing new."""


@dataclass(frozen=True)
class Stamp:
    """Writes what a QR code says."""

    key: rsa.RSAPublicKey
    certificate: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> Stamp:
        """The stamp under the configured public key; a sandbox without one makes its own pair of keys.

        Raises:
            ConfigurationError: the key cannot be read, or production has none.
        """
        path = settings.nrs_public_key
        if path is None:
            if settings.kobosift_environment == "production":
                raise ConfigurationError("NRS_PUBLIC_KEY is not set: name the file of the authority's public key.")
            path = _own_key(settings.kobosift_home / "keys")
        secret = settings.nrs_certificate
        return cls(_read(path), secret.get_secret_value() if secret else None)

    def text(self, irn: str, now: datetime) -> str:
        """What the QR code of an invoice says: base64 of the encrypted IRN and moment.

        Raises:
            ConfigurationError: the key is too small for it.
        """
        told = {"irn": f"{irn}.{int(now.timestamp())}"}
        if self.certificate:
            told["certificate"] = self.certificate
        try:
            return base64.b64encode(self.key.encrypt(json.dumps(told).encode(), _OAEP)).decode()
        except ValueError as error:
            message = "NRS_PUBLIC_KEY is too small for the QR code's text: use a key of 2048 bits or more."
            raise ConfigurationError(message) from error


@dataclass(frozen=True)
class LocalSigner:
    """Signs here: a QR code, and no word to any authority."""

    stamp: Stamp
    name: str = "local"

    async def check(self, document: Document) -> list[Fault]:
        """Nothing besides."""
        return []

    async def sign(self, document: Document, *, now: datetime) -> str:
        """Write the QR code's text."""
        return self.stamp.text(document["irn"], now)

    async def pay(self, irn: str, status: str, reference: str) -> None:
        """Nobody else is to hear of it: the notice is all there is."""


def picture(qr: str) -> str:
    """Draw a QR code, as a `data:` address of a PNG."""
    return str(segno.make(qr, error="m", micro=False).png_data_uri(scale=4))


def service_id(settings: Settings) -> str | None:
    """The id that stands in invoice reference numbers; a sandbox has one of its own."""
    if settings.nrs_service_id or settings.kobosift_environment == "production":
        return settings.nrs_service_id
    return SANDBOX_SERVICE_ID


def _read(path: Path) -> rsa.RSAPublicKey:
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPublicKey):
        message = f"NRS_PUBLIC_KEY: {path} is no RSA public key in PEM that can be read: name the authority's file."
        raise ConfigurationError(message)
    return key


def _own_key(folder: Path) -> Path:
    """The public half of a sandbox's own pair, made once; whoever has the private half can read its QR codes."""
    public = folder / _PUBLIC
    if public.exists():
        return public
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    pair = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    private = pair.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    open_ = pair.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    _write(folder / _PRIVATE, private)
    _write(public, open_)
    return public


def _write(path: Path, content: bytes) -> None:
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    beside.replace(path)
