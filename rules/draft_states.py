"""The way of a draft: which step may be taken in which state, and the state that it leads to (domain section 6).

`DRAFT -> CONFIRMED -> VALIDATED -> SIGNED`; `DRAFT` and `CONFIRMED` may be discarded. That a rule run withdraws a draft
is no step of a person's (`resources/warehouse/drafts.py`).
"""

from __future__ import annotations

from typing import Literal

from rules.errors import RulesError

DRAFT, CONFIRMED, VALIDATED, SIGNED = "DRAFT", "CONFIRMED", "VALIDATED", "SIGNED"
DISCARDED, WITHDRAWN = "DISCARDED", "WITHDRAWN"
STATES = (DRAFT, CONFIRMED, VALIDATED, SIGNED, DISCARDED, WITHDRAWN)

Step = Literal["patch", "confirm", "discard", "validate", "sign"]
STEPS: dict[Step, dict[str, str]] = {
    "patch": {DRAFT: DRAFT, CONFIRMED: CONFIRMED},
    "confirm": {DRAFT: CONFIRMED},
    "discard": {DRAFT: DISCARDED, CONFIRMED: DISCARDED},
    "validate": {CONFIRMED: VALIDATED},
    "sign": {VALIDATED: SIGNED},
}
"""Each step of a person's, and where it leads from each state that it may be taken in."""

_DONE = {
    "patch": "changed",
    "confirm": "confirmed",
    "discard": "discarded",
    "validate": "validated",
    "sign": "signed",
}


class DraftStepError(RulesError):
    """A step that the draft's state does not allow; the message says which states do."""


def after(step: Step, status: str) -> str:
    """The state that a step leads to.

    Raises:
        DraftStepError: it may not be taken in that state.
    """
    reached = STEPS[step].get(status)
    if reached is None:
        message = f"this draft is {status}, and only one that is {' or '.join(STEPS[step])} can be {_DONE[step]}"
        raise DraftStepError(message)
    return reached
