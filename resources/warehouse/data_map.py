"""The data map: every table of the catalogue, what of a bank account rests in it, and how that is found again.

One declaration, held against the schema and against `docs/data-map.md` by tests: a new table or column is declared
here or the tests fail. Erasure (`erasures.py`) deletes by it and by nothing else. It holds no deletion itself.
"""

from __future__ import annotations

from dataclasses import dataclass

SIGNED = "status = 'SIGNED'"
_OF_SIGNED = "draft_id IN (SELECT draft_id FROM drafts WHERE status = 'SIGNED')"
_DRAFT_GONE = "draft_id NOT IN (SELECT draft_id FROM drafts)"
_IDS = ("organization_id", "environment", "account_id", "transaction_id")


def _lagos_day(column: str) -> str:
    return f"CAST(timezone('Africa/Lagos', {column}) AS DATE)"


@dataclass(frozen=True)
class Table:
    """One table: what it says of a bank account, and how its rows are found by account, line and day.

    Every column stands in `personal` (it names a person, an account or a line, or says something of one), or in
    `others` (it does not). The SQL here is ours, and is put into statements as it stands.
    """

    name: str
    says: str
    """For people: what of an account rests here; or why nothing does."""
    personal: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    account: str | None = None
    """The column that names the account."""
    day: str | None = None
    """SQL for the day that retention goes by."""
    line: bool = False
    """Whether rows are found by account and transaction id where there is no day."""
    mentions: str | None = None
    """A text that may mention an account or a line: rows go where it does."""
    follows: str | None = None
    """SQL for rows that go in retention because what they belong to went: for tables without a day."""
    stays: str | None = None
    """SQL for the rows that stay whatever is erased."""
    emptied: tuple[str, ...] = ()
    """Where the account stays linked, its row stays, without these columns."""
    words: tuple[str, ...] = ()
    """Of tables of the tenant's own: columns whose words may be a customer's, who pays into an account as well."""

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns with words and numbers of people: looked for by content once they are erased."""
        return (*(column for column in self.personal if column in _SAID), *self.words)

    @property
    def explains(self) -> bool:
        """Whether a row in force here explains that a word of an erased one is found; answers are none of ours."""
        return self.account is not None or (bool(self.texts) and not self.mentions)

    @property
    def holds_bank_data(self) -> bool:
        """Whether anything is erased from it."""
        return bool(self.account or self.line or self.mentions)


_LINE = (
    "booked_at",
    "day",
    "direction",
    "amount",
    "currency",
    "narration",
    "description",
    "counterparty",
    "reference",
    "tags",
    "status",
    "category",
    "balance",
    "payload",
    "payload_hash",
)
_EVIDENCE = (
    "day",
    "counterparty",
    "rail",
    "reference",
    "business_term",
    "business_at",
    "personal_term",
    "personal_at",
    "refund_term",
    "refund_at",
    "reversal_term",
    "reversal_at",
    "company_term",
    "company_at",
    "refused_reference",
    "signals",
    "nearest_miss",
    "outcome",
    "reason",
    "detail",
    "score",
    "rule",
)
_DECIDED_BY = (
    "version",
    "deny_entry",
    "allow_entry",
    "floor",
    "policy_hash",
    "lists_hash",
    "invoices_hash",
    "decided_at",
    "trace_id",
)

_SETTLED = (
    "settlement_id",
    "day",
    "invoice_id",
    "invoice_number",
    "proposal",
    "allocated",
    "deducted",
    "deductions",
    "difference",
)
_SETTLED_BY = ("strategy", "status", "decided_at", "policy_hash", "pack_version", "trace_id", "decided_by")

_SAID = {
    "draft_id",
    "holder",
    "full_name",
    "narration",
    "description",
    "counterparty",
    "reference",
    "refused_reference",
    "tags",
    "payload",
    "buyer_name",
    "document",
    "fields",
    "value",
    "note",
    "why",
    "last_income_description",
    "body",
    "qr",
}
"""Columns that hold what people or banks wrote, and ids of drafts; the others: amounts, days, codes, hashes."""

TABLES = (
    Table(
        "accounts",
        "the link: whose account, at which bank, how far it was read",
        personal=(
            "account_id",
            "organization_id",
            "environment",
            "holder",
            "currency",
            "account_type",
            "institution",
            "institution_type",
            "bank_code",
            "sync_error",
        ),
        others=(
            "status",
            "data_status",
            "reauthorisation_required",
            "cursor",
            "linked_at",
            "unlinked_at",
            "synced_at",
        ),
        account="account_id",
        emptied=(
            "holder",
            "account_type",
            "institution",
            "institution_type",
            "bank_code",
            "sync_error",
        ),
    ),
    Table(
        "transactions",
        "every bank line, with the payload as it came",
        personal=(*_IDS, *_LINE),
        others=("version", "received_at", "run_id"),
        account="account_id",
        day="day",
    ),
    Table(
        "transaction_versions",
        "what a line said before it was corrected",
        personal=(*_IDS, *_LINE),
        others=("version", "received_at", "run_id"),
        account="account_id",
        day="day",
    ),
    Table(
        "quarantine",
        "rows that could not be read, as they came",
        personal=("organization_id", "environment", "account_id", "payload", "payload_hash"),
        others=("source", "field", "expected", "quarantined_at", "run_id"),
        account="account_id",
        day=_lagos_day("quarantined_at"),
    ),
    Table(
        "decisions",
        "what was decided of each line, with the evidence",
        personal=(*_IDS, *_EVIDENCE),
        others=_DECIDED_BY,
        account="account_id",
        day="day",
    ),
    Table(
        "superseded_decisions",
        "what was decided before",
        personal=(*_IDS, *_EVIDENCE),
        others=(*_DECIDED_BY, "superseded_at"),
        account="account_id",
        day="day",
    ),
    Table(
        "drafts",
        "draft invoices; signed ones are the books' own records and stay, with id, amount and document",
        personal=(
            *_IDS,
            "draft_id",
            "day",
            "amount",
            "currency",
            "reference",
            "buyer_name",
            "document",
        ),
        others=("kind", "status", "missing", "contested", "created_at", "updated_at", "trace_id"),
        account="account_id",
        day="day",
        stays=SIGNED,
    ),
    Table(
        "rejections",
        "the dead-letter queue",
        personal=(*_IDS, "day", "reason", "detail"),
        others=("rejected_at", "replayed_at", "trace_id"),
        account="account_id",
        day="day",
    ),
    Table(
        "monitoring_events",
        "news for the outside about a line, delivered or not",
        personal=(*_IDS, "day", "reason", "detail"),
        others=("event_id", "event", "trace_id", "occurred_at", "delivered_at"),
        account="account_id",
        day="day",
    ),
    Table(
        "labels",
        "what a person said a line is",
        personal=(*_IDS, "label"),
        others=("labelled_by", "labelled_at"),
        account="account_id",
        line=True,
    ),
    Table(
        "list_entries",
        "what a person allows or denies for one account; entries of a whole tenant are that tenant's own words",
        personal=("organization_id", "environment", "account_id", "value", "note"),
        others=("entry_id", "list", "field", "match", "created_at", "expires_at"),
        account="account_id",
    ),
    Table(
        "former_list_entries",
        "what a person allowed or denied for one account before; entries of a whole tenant are that tenant's own words",
        personal=("organization_id", "environment", "account_id", "value", "note"),
        others=("entry_id", "list", "field", "match", "created_at", "expires_at", "ended_at"),
        account="account_id",
    ),
    Table(
        "settlements",
        "which line paid which invoice",
        personal=(*_IDS, *_SETTLED),
        others=_SETTLED_BY,
        account="account_id",
        day="day",
    ),
    Table(
        "superseded_settlements",
        "which line was said to pay which invoice before",
        personal=(*_IDS, *_SETTLED),
        others=(*_SETTLED_BY, "superseded_at"),
        account="account_id",
        day="day",
    ),
    Table(
        "settlement_candidates",
        "which invoices a line does not pay, and why",
        personal=(*_IDS, "day", "invoice_id", "invoice_number", "why", "gap"),
        others=("strategy",),
        account="account_id",
        day="day",
    ),
    Table(
        "shadow_disagreements",
        "lines of which a candidate policy says otherwise",
        personal=(*_IDS, "day", "in_force", "candidate", "candidate_score"),
        others=("shadow_id", "policy_hash", "candidate_hash", "noted_at", "trace_id"),
        account="account_id",
        day="day",
    ),
    Table(
        "overrules",
        "rejections that a person overruled",
        personal=(*_IDS, "why"),
        others=("overrule_id", "overruled_by", "overruled_at"),
        account="account_id",
        line=True,
    ),
    Table(
        "income_streams",
        "income as upstream reports it",
        personal=(
            "organization_id",
            "environment",
            "account_id",
            "income_type",
            "frequency",
            "monthly_average",
            "average_income_amount",
            "currency",
            "stability",
            "first_income_date",
            "last_income_date",
            "last_income_amount",
            "last_income_description",
            "periods_with_income",
            "number_of_incomes",
            "number_of_months",
        ),
        others=("received_at",),
        account="account_id",
        day=_lagos_day("received_at"),
    ),
    Table(
        "balances",
        "balances over time",
        personal=("organization_id", "environment", "account_id", "balance", "currency"),
        others=("observed_at",),
        account="account_id",
        day=_lagos_day("observed_at"),
    ),
    Table(
        "identities",
        "who holds the account, with the last four digits of the BVN",
        personal=("organization_id", "environment", "account_id", "full_name", "bvn_last_four", "verified"),
        others=("received_at",),
        account="account_id",
    ),
    Table(
        "income_records",
        "income as upstream reports it, report by report",
        personal=(
            "organization_id",
            "environment",
            "account_id",
            "record_hash",
            "period",
            "first_transaction_date",
            "last_transaction_date",
            "number_of_income_streams",
            "total_income",
            "annual_income",
            "monthly_income",
            "aggregated_monthly_average",
            "total_regular_income_amount",
            "total_irregular_income_amount",
        ),
        others=("source", "received_at"),
        account="account_id",
        day=_lagos_day("received_at"),
    ),
    Table(
        "history_windows",
        "which days of an account were read on demand",
        personal=("organization_id", "environment", "account_id", "first_day", "last_day"),
        others=("read_at",),
        account="account_id",
        day="last_day",
    ),
    Table(
        "webhook_events",
        "which events came in for an account, without what they said",
        personal=("organization_id", "environment", "account_id"),
        others=("event_key", "event", "received_at", "processed_at", "outcome", "cause"),
        account="account_id",
        day=_lagos_day("received_at"),
    ),
    Table(
        "consents",
        "who consented to what account, when",
        personal=("organization_id", "environment", "account_id"),
        others=("given_at", "exchanged_by"),
        account="account_id",
    ),
    Table(
        "draft_additions",
        "what a person added to a draft; of signed ones it stays",
        personal=("organization_id", "environment", "account_id", "draft_id", "fields"),
        others=("filled", "updated_at"),
        account="account_id",
        follows=_DRAFT_GONE,
        stays=_OF_SIGNED,
    ),
    Table(
        "draft_log",
        "who did what with a draft, by the names of fields; of signed ones it stays",
        personal=("organization_id", "environment", "account_id", "draft_id"),
        others=("step", "status_before", "status_after", "fields", "taken_by", "taken_at", "trace_id"),
        account="account_id",
        follows=_DRAFT_GONE,
        stays=_OF_SIGNED,
    ),
    Table(
        "signatures",
        "signed documents: the books' own records, which stay whole",
        personal=(*_IDS, "draft_id", "document", "qr"),
        others=("irn", "signer", "signed_at", "signed_by"),
        account="account_id",
        stays="TRUE",
    ),
    Table(
        "payment_notices",
        "whether it was told that signed invoices are paid: the books' own records, without any bank line",
        personal=("organization_id", "environment", "account_id", "draft_id"),
        others=(
            "notice_id",
            "irn",
            "payment_status",
            "signer",
            "raised_at",
            "trace_id",
            "attempts",
            "tried_at",
            "cause",
            "told_at",
        ),
        account="account_id",
        stays="TRUE",
    ),
    Table(
        "answers",
        "answers to repeat for a day, which may tell of an account",
        personal=("body",),
        others=("token_id", "route", "idempotency_key", "request_hash", "status", "answered_at"),
        day=_lagos_day("answered_at"),
        mentions="body",
    ),
    Table(
        "alerts",
        "nothing of an account: news of runs and checks, in counts and names of ours",
        others=(
            "alert_id",
            "event",
            "environment",
            "organization_id",
            "trace_id",
            "summary",
            "occurred_at",
            "delivered_at",
        ),
    ),
    Table(
        "touched_tenants",
        "nothing of an account: which tenants wait to be settled",
        others=("touch_id", "organization_id", "environment", "since"),
    ),
    Table(
        "settled_tenants",
        "nothing of an account: by what a tenant was last settled",
        others=("organization_id", "environment", "policy_hash", "pack_version", "books_state"),
    ),
    Table(
        "policy_activations",
        "nothing of an account: who put which policy in force, and why",
        others=("activation_id", "policy_hash", "activated_by", "why", "activated_at", "replay"),
    ),
    Table(
        "policy_shadows",
        "nothing of an account: which policy is decided beside the one in force",
        others=("shadow_id", "policy_hash", "started_by", "started_at", "stopped_at"),
    ),
    Table(
        "tokens",
        "nothing of an account: who may speak to the gateway, by the hash of a token",
        others=(
            "token_id",
            "token_hash",
            "role",
            "organization_id",
            "environment",
            "created_at",
            "revoked_at",
        ),
    ),
    Table(
        "touched_days",
        "nothing of an account: which days of a tenant wait to be decided",
        others=("touch_id", "organization_id", "environment", "day"),
    ),
    Table(
        "decided_days",
        "nothing of an account: by which rules the days of a tenant were decided",
        others=(
            "organization_id",
            "environment",
            "day",
            "policy_hash",
            "lists_hash",
            "invoices_hash",
            "due_at",
        ),
    ),
    Table(
        "policies",
        "nothing of an account: the rules",
        others=(
            "policy_hash",
            "name",
            "content",
            "points_business_term",
            "points_reference",
            "points_company",
            "points_at_or_above_floor",
            "points_minimum",
            "first_used_at",
        ),
        words=("name", "content"),
    ),
    Table(
        "invoices",
        "nothing of an account: the tenant's own invoices, which it imported from its books",
        others=(
            "invoice_id",
            "organization_id",
            "environment",
            "number",
            "customer_name",
            "customer_tin",
            "customer_email",
            "currency",
            "total_amount",
            "net_amount",
            "vat_amount",
            "issue_date",
            "due_date",
            "status",
            "imported_at",
        ),
        words=("number", "customer_name", "customer_tin", "customer_email"),
    ),
    Table(
        "erasures",
        "nothing of an account: what was erased, in counts; an account stands there as a keyed hash",
        others=(
            "erasure_id",
            "organization_id",
            "environment",
            "scope",
            "requested_at",
            "finished_at",
            "counts",
            "proved",
        ),
    ),
    Table(
        "erased_lines",
        "keyed hashes of erased lines, so that no sync brings them back; a new consent clears them",
        others=("account_hash", "line_hash", "key_mark", "erased_at"),
    ),
    Table(
        "settled_by_erased",
        "keyed hashes beside what erased lines settled of the tenant's own invoices, so that none opens again",
        others=("organization_id", "environment", "invoice_id", "amount", "account_hash", "erased_at"),
    ),
    Table(
        "erased_days",
        "nothing of an account: before which day lines no longer come in",
        others=("before", "erased_at"),
    ),
    Table("schema_migrations", "nothing of an account: the catalogue's own history", others=("name", "applied_at")),
)
"""Every table there is."""

ERASABLE = tuple(table for table in TABLES if table.holds_bank_data)
"""Those from which an erasure deletes."""
