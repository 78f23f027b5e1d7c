"""What can go wrong outside the rules: one small tree, each message a sentence that says what happened and what to do.

It holds no secrets and no row values: messages are printed and logged. Commands print the message and end with
`exit_code`. Errors of the rules themselves (a policy, a list entry) are in `rules.errors`.
"""

from __future__ import annotations


class KobosiftError(Exception):
    """Anything a person can act on; its text is shown to them as it stands."""

    exit_code = 1


class ConfigurationError(KobosiftError):
    """A setting, a file or an argument that cannot be used as it is."""

    exit_code = 2


class WarehouseError(KobosiftError):
    """The catalogue or the data folder cannot be read or written."""


class UpstreamError(KobosiftError):
    """Mono did not give what was asked of it; its status, words and body where it answered."""

    def __init__(self, message: str, *, status: int | None = None, said: str = "", body: object = None) -> None:
        """Say what happened and what to do; `said` and `body` hold neither our key nor a whole BVN."""
        super().__init__(message)
        self.status = status
        self.said = said
        self.body = body


class Unauthorised(UpstreamError):  # noqa: N818 - named for what happened, read in `except` and in messages
    """Mono refused the key."""


class Unreachable(UpstreamError):  # noqa: N818
    """Mono could not be reached, or kept failing, within the bounds of retrying."""


class AccountNotFound(UpstreamError):  # noqa: N818
    """Mono knows no account of this id."""


class ReauthorisationRequired(UpstreamError):  # noqa: N818
    """The account's holder has to log in at the bank again."""


class NotReady(UpstreamError):  # noqa: N818
    """Mono is still collecting the account's data, longer than we wait."""


class BadResponse(UpstreamError):  # noqa: N818
    """Mono's answer is not of the shape its documentation gives."""
