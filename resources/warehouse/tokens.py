"""Table `tokens`: who may speak to the gateway, for which tenant and in which role.

A token is `kbs_<id>_<secret>`: the id finds the row, and of the secret's 32 random bytes only a hash is kept. So many
random bits need no slow hash.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime

import duckdb

ROLES = ("viewer", "analyst", "approver", "admin")
"""Each may do what those before it may."""

_SHAPE = re.compile(r"kbs_([0-9a-f]{16})_[A-Za-z0-9_-]{43}", re.ASCII)
_NAMES = "token_id, role, organization_id, environment, created_at, revoked_at"


@dataclass(frozen=True)
class Token:
    """A row of `tokens` without its hash; times are in UTC."""

    token_id: str
    role: str
    organization_id: str
    environment: str
    created_at: datetime
    revoked_at: datetime | None = None

    @property
    def tenant(self) -> tuple[str, str]:
        """The organisation and the environment that the token is bound to."""
        return self.organization_id, self.environment

    def may(self, role: str) -> bool:
        """Whether the token's role is that one or a higher."""
        return ROLES.index(self.role) >= ROLES.index(role)


def new_secret() -> str:
    """A token that nobody has yet."""
    return f"kbs_{secrets.token_hex(8)}_{secrets.token_urlsafe(32)}"


def create(
    con: duckdb.DuckDBPyConnection, secret: str, role: str, organization_id: str, environment: str, *, now: datetime
) -> Token:
    """Let the bearer of a token of `new_secret` in; a role that is none of `ROLES` is a ValueError."""
    found = _SHAPE.fullmatch(secret)
    if found is None or role not in ROLES:
        raise ValueError("no token or no role of ours")
    token = Token(found[1], role, organization_id, environment, now)
    con.execute(
        """INSERT INTO tokens (token_id, token_hash, role, organization_id, environment, created_at)
        VALUES (?, ?, ?, ?, ?, ?)""",
        [token.token_id, _hash(secret), role, organization_id, environment, now],
    )
    return token


def known(con: duckdb.DuckDBPyConnection, secret: str) -> Token | None:
    """Find whose token that is; None where it is nobody's, or revoked. Compared in constant time."""
    found = _SHAPE.fullmatch(secret)
    if found is None:
        return None
    row = con.execute(f"SELECT token_hash, {_NAMES} FROM tokens WHERE token_id = ?", [found[1]]).fetchone()  # noqa: S608 - column names of ours
    good = hmac.compare_digest(row[0] if row else "", _hash(secret))
    if row is None or not good:
        return None
    token = Token(*row[1:])
    return None if token.revoked_at else token


def listed(
    con: duckdb.DuckDBPyConnection, organization_id: str | None = None, environment: str | None = None
) -> list[Token]:
    """Return the tokens of a tenant, of an organisation or of all, the oldest first, revoked ones too."""
    rows = con.execute(
        f"""SELECT {_NAMES} FROM tokens
        WHERE organization_id = coalesce($organization, organization_id)
            AND environment = coalesce($environment, environment)
        ORDER BY created_at, token_id""",  # noqa: S608 - column names of ours
        {"organization": organization_id, "environment": environment},
    ).fetchall()
    return [Token(*row) for row in rows]


def revoke(con: duckdb.DuckDBPyConnection, token_id: str, *, now: datetime) -> bool | None:
    """Shut a token out for good; False where it already is, None where there is none of that id."""
    row = con.execute("SELECT revoked_at IS NOT NULL FROM tokens WHERE token_id = ?", [token_id]).fetchone()
    if row is None:
        return None
    if row[0]:
        return False
    con.execute("UPDATE tokens SET revoked_at = ? WHERE token_id = ?", [now, token_id])
    return True


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
