"""What ids of accounts and organisations are like, checked wherever a person gives one.

They go into addresses and commits, and one that is blank would stand for all of them.
"""

from __future__ import annotations

from resources.errors import ConfigurationError

_PLAIN = 'without blanks around it, "/" or signs that do not print, and not "." or ".."'


def check_account_id(given: str | None) -> None:
    """See that an account's id, where one is given, can be one.

    Raises:
        ConfigurationError: it cannot.
    """
    if given is not None and not _plain(given):
        raise ConfigurationError(f"an account is named by its id at Mono, {_PLAIN}, not by {given!r}.")


def check_organization(given: str | None) -> None:
    """See that an organisation's id, where one is given, can be one.

    Raises:
        ConfigurationError: it cannot.
    """
    # The gateway names a tenant `environment:organisation`.
    if given is not None and (not _plain(given) or ":" in given):
        raise ConfigurationError(f'an organisation is named by an id without ":", {_PLAIN}, not by {given!r}.')


def _plain(given: str) -> bool:
    return (
        bool(given) and given == given.strip() and given.isprintable() and "/" not in given and given not in (".", "..")
    )
