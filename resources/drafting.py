"""The steps that a person takes with a draft: each in one transaction that looks at the state again, each logged.

Holds the order of things. Must not hold which step is allowed (`rules/draft_states.py`), what makes a document right
(`rules/documents.py`) or who signs (`resources/signing.py`). Two people who take a step at once take it one after the
other: the second is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb

from resources.errors import ConfigurationError
from resources.nrs import NrsClient, NrsSigner
from resources.settings import Settings
from resources.signing import LocalSigner, Signer, Stamp
from resources.warehouse import documents
from resources.warehouse.documents import Draft, Signature, Taken
from rules.documents import Document, Fault, completed, faults, irn_of, merged
from rules.draft_states import Step, after

Find = Callable[[duckdb.DuckDBPyConnection], Draft]
"""Gives the draft as it stands in the transaction, or raises."""


@dataclass(frozen=True)
class Actor:
    """Who takes a step, when, and the trace of the request."""

    by: str
    at: datetime
    trace_id: str

    def takes(self, step: Step, status_after: str, fields: list[str] | None = None) -> Taken:
        """The step as the log keeps it."""
        return Taken(step, status_after, self.by, self.at, self.trace_id, fields or [])


def patch(con: duckdb.DuckDBPyConnection, find: Find, changes: Document, actor: Actor) -> Draft:
    """Lay fields over a draft's document.

    Raises:
        DraftStepError: the draft's state does not allow it.
    """
    draft = find(con)
    status = after("patch", draft.status)
    documents.add(con, draft, merged(draft.additions, changes), now=actor.at)
    documents.take(con, draft, actor.takes("patch", status, sorted(changes)))
    return find(con)


def move(con: duckdb.DuckDBPyConnection, find: Find, step: Step, actor: Actor) -> Draft:
    """Confirm or discard a draft.

    Raises:
        DraftStepError: the draft's state does not allow it.
    """
    draft = find(con)
    documents.take(con, draft, actor.takes(step, after(step, draft.status)))
    return find(con)


def examine(con: duckdb.DuckDBPyConnection, draft: Draft, service_id: str | None) -> tuple[Document, list[Fault]]:
    """The document of a confirmed draft with its IRN and totals, and what is wrong with it.

    Raises:
        DraftStepError: the draft's state does not allow to validate it.
    """
    after("validate", draft.status)
    document = completed(numbered(draft, service_id))
    found = faults(document, draft.missing)
    irn = document.get("irn")
    if not any(fault.field == "irn" for fault in found) and documents.is_taken(con, str(irn), draft):
        found.append(Fault("irn", "another document was signed under it: give this one another with PATCH"))
    return document, found


def numbered(draft: Draft, service_id: str | None) -> Document:
    """The document with its invoice reference number: as a person gave it, else made of reference, service and day."""
    document = draft.document
    if document.get("irn") or service_id is None:
        return document
    number = draft.reference or f"KBS{draft.draft_id[:12]}"
    return {**document, "irn": irn_of(number, service_id, str(document.get("issue_date") or draft.day))}


def validated(
    con: duckdb.DuckDBPyConnection, find: Find, seen: Draft, document: Document, found: list[Fault], actor: Actor
) -> Draft:
    """Note how a validation went: without faults the draft is validated, with its IRN.

    Raises:
        DraftStepError: the draft's state does not allow it.
        ConfigurationError: the draft was changed meanwhile.
    """
    draft = find(con)
    status = after("validate", draft.status)
    if (draft.made, draft.fields) != (seen.made, seen.fields):
        raise ConfigurationError("the draft was changed while it was validated: validate it again.")
    if found:
        documents.take(con, draft, actor.takes("validate", draft.status, [fault.field for fault in found]))
        return draft
    kept = merged(draft.additions, {name: document[name] for name in ("irn", "legal_monetary_total")})
    documents.add(con, draft, kept, now=actor.at)
    documents.take(con, draft, actor.takes("validate", status))
    return find(con)


def signed(con: duckdb.DuckDBPyConnection, find: Find, signature: Signature, actor: Actor) -> Draft:
    """Keep a signature and note that the draft is signed.

    Raises:
        DraftStepError: the draft's state does not allow it.
        ConfigurationError: another document was signed under the same IRN.
    """
    draft = find(con)
    status = after("sign", draft.status)
    if documents.is_taken(con, signature.irn, draft):
        raise ConfigurationError(f"another document was signed under {signature.irn}: discard one of the two.")
    documents.sign(con, draft, signature)
    documents.take(con, draft, actor.takes("sign", status))
    return replace(draft, status=status)


def signer_of(settings: Settings) -> Signer:
    """Who signs: the authority's service where the settings name one, else this installation itself.

    Raises:
        ConfigurationError: a setting is missing, or a key cannot be read.
    """
    return signer_named(settings, "local" if settings.nrs_base_url is None else "nrs")


def signer_named(settings: Settings, name: str) -> Signer:
    """Who signed under that name, as the settings have it now.

    Raises:
        ConfigurationError: a setting is missing, or a key cannot be read.
    """
    stamp = Stamp.of(settings)
    return LocalSigner(stamp) if name == "local" else NrsSigner(NrsClient.of(settings), stamp)
