"""What can be wrong with the words, numbers and lists that people write for the rules.

Holds the errors of this room; each carries one sentence that says what to mend. Errors of the outside world are in
`resources/errors.py`.
"""


class RulesError(ValueError):
    """Something a person wrote for the rules cannot be used."""


class PolicyError(RulesError):
    """A policy file cannot be used; the message names the key."""


class ListEntryError(RulesError):
    """An allow or deny entry cannot be used; the message says why."""
