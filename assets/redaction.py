"""Errors that may be kept: Dagster stores the text of every error for ever, and a library's error may quote a row.

Holds the one door through which errors leave an asset. Our own errors pass as they are, since their messages hold no
row values; of any other only its kind and the places it went through are told.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from resources.errors import KobosiftError
from rules.errors import RulesError


class UnexpectedError(Exception):
    """A fault of the program: its kind and its places, without its words."""


@contextmanager
def without_row_values() -> Iterator[None]:
    """Let our own errors through and put any other in words that hold no value of a row.

    Raises:
        UnexpectedError: in place of an error that is not ours.
    """
    try:
        yield
    except (KobosiftError, RulesError, UnexpectedError) as error:
        error.__cause__, error.__suppress_context__ = None, True  # what lies behind it is a library's, in its words
        raise
    except Exception as error:
        raise UnexpectedError(describe(error)) from None


def describe(error: BaseException) -> str:
    """An error's kind and the places it went through, innermost last, without its message or any value."""
    places = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    told = [f"{type(error).__module__}.{type(error).__qualname__}", *(f"  {place}" for place in places)]
    if cause is not None:
        told += ["caused by", describe(cause)]
    return "\n".join(told)
