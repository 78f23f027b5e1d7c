"""What leaves an asset as an error holds no value of a row."""

from __future__ import annotations

import traceback

import pytest

from assets.redaction import UnexpectedError, describe, without_row_values
from resources.errors import WarehouseError
from rules.errors import PolicyError


def failing() -> None:
    try:
        int("NIP/GTB/ADA OBI/RENT")
    except ValueError as error:
        message = "cannot read ADA OBI"
        raise RuntimeError(message) from error


def test_an_error_of_a_library_is_told_by_kind_and_place_alone() -> None:
    with pytest.raises(UnexpectedError) as caught, without_row_values():
        failing()
    told = "".join(traceback.format_exception(caught.value))
    assert "builtins.RuntimeError" in str(caught.value)
    assert "caused by\nbuiltins.ValueError" in str(caught.value)
    assert "in failing" in str(caught.value)
    assert "ADA OBI" not in told


@pytest.mark.parametrize("error", [WarehouseError("the disk is full"), PolicyError("unknown key 'x'")])
def test_our_own_errors_pass_as_they_are(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, without_row_values():
        raise error
    assert caught.value is error


def test_what_is_described_twice_stays_as_it_was() -> None:
    with pytest.raises(UnexpectedError, match=r"^once$"), without_row_values():
        raise UnexpectedError("once")


def test_a_suppressed_cause_is_not_told() -> None:
    try:
        try:
            int("x")
        except ValueError:
            raise KeyError("y") from None
    except KeyError as error:
        assert "ValueError" not in describe(error)


def test_what_lies_behind_our_own_error_is_left_behind() -> None:
    with pytest.raises(WarehouseError) as caught, without_row_values():
        try:
            int("ADA OBI")
        except ValueError as error:
            message = "the warehouse refused a statement"
            raise WarehouseError(message) from error
    assert "ADA OBI" not in "".join(traceback.format_exception(caught.value))
