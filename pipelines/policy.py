"""The policy in force: the file that the settings name, or the shipped one, with what the settings override.

Holds the reading of the file only; what a policy may say is in `rules/policy.py`.
"""

from __future__ import annotations

from pathlib import Path

from resources.errors import ConfigurationError
from resources.settings import Settings
from rules.policy import Policy, parse_policy, shipped_policy_text

SHIPPED = "the shipped policy"


def load_policy(settings: Settings) -> Policy:
    """The policy by which this process decides.

    Raises:
        ConfigurationError: the file cannot be read.
        PolicyError: the file, or a value that the settings override, cannot be used.
    """
    path = settings.kobosift_policy
    policy = read_policy(path) if path else parse_policy(shipped_policy_text(), SHIPPED)
    return policy.overridden(settings.mono_business_floor, settings.mono_reference_regex)


def read_policy(path: Path) -> Policy:
    """The policy of one file.

    Raises:
        ConfigurationError: the file cannot be read.
        PolicyError: what it says cannot be used.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        message = f"the policy file {path} cannot be read: {reason}"
        raise ConfigurationError(message) from error
    return parse_policy(text, f"policy file {path}")
