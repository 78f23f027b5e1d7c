"""The policy in force: the file that the settings name, else what a person activated, else the shipped one.

Holds which of them it is, with what the settings override, and the reading of files; what a policy may say is in
`rules/policy.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from resources.errors import ConfigurationError
from resources.settings import Settings
from resources.warehouse import policies
from resources.warehouse.connection import Warehouse
from rules.deductions import Pack, parse_pack
from rules.policy import Policy, parse_policy, shipped_policy_text

SHIPPED = "the shipped policy"


@dataclass(frozen=True)
class InForce:
    """The policy in force and where it comes from."""

    policy: Policy
    source: str
    """The file's path, who activated it and when, or `SHIPPED`."""


def load_policy(settings: Settings, warehouse: Warehouse | None = None) -> Policy:
    """The policy by which this process decides; see `in_force`."""
    return in_force(settings, warehouse).policy


def in_force(settings: Settings, warehouse: Warehouse | None = None) -> InForce:
    """The policy by which this process decides.

    Args:
        settings: KOBOSIFT_POLICY wins over what was activated; floor and pattern win over any policy.
        warehouse: where a policy may have been activated; None where there is none yet.

    Raises:
        ConfigurationError: the file cannot be read.
        PolicyError: the file, or a value that the settings override, cannot be used.
        WarehouseError: the warehouse cannot be read.
    """
    path = settings.kobosift_policy
    if path:
        found = InForce(read_policy(path), str(path))
    else:
        found = (warehouse and _activated(warehouse)) or InForce(shipped_policy(), SHIPPED)
    overridden = found.policy.overridden(settings.mono_business_floor, settings.mono_reference_regex)
    return InForce(overridden, found.source)


def shipped_policy() -> Policy:
    """The policy that comes with the product."""
    return parse_policy(shipped_policy_text(), SHIPPED)


def _activated(warehouse: Warehouse) -> InForce | None:
    with warehouse.read() as con:
        found = policies.active(con)
    if found is None:
        return None
    source = f"activated {found.activated_at:%Y-%m-%d %H:%M} UTC by {found.activated_by}: {found.why}"
    return InForce(parse_policy(found.content, "the activated policy"), source)


def read_policy(path: Path) -> Policy:
    """The policy of one file.

    Raises:
        ConfigurationError: the file cannot be read.
        PolicyError: what it says cannot be used.
    """
    return parse_policy(_text_of(path, "policy file"), f"policy file {path}")


def read_pack(path: Path) -> Pack:
    """The pack of deductions of one file.

    Raises:
        ConfigurationError: the file cannot be read.
        PackError: what it says cannot be used.
    """
    return parse_pack(_text_of(path, "deductions file"), f"deductions file {path}")


def _text_of(path: Path, what: str) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        message = f"the {what} {path} cannot be read: {reason}"
        raise ConfigurationError(message) from error


def write_policy(policy: Policy, path: Path) -> None:
    """Write a policy to a file that is not there yet.

    Raises:
        ConfigurationError: it is there, or cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(policy.canonical)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror or type(error).__name__}.") from error
