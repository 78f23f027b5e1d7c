-- The tables. One statement ends at a line that is only a semicolon.
-- DuckLake has no keys: the identity named in each comment is made by MERGE and proved by a check.
-- Big tables are partitioned so that a day is replaced and an account erased in few files.

-- identity: account_id
CREATE TABLE accounts (
    account_id VARCHAR,
    organization_id VARCHAR,
    environment VARCHAR,
    status VARCHAR,                     -- linked, unlinked
    holder VARCHAR,
    currency VARCHAR,                   -- ISO 4217
    account_type VARCHAR,
    institution VARCHAR,
    institution_type VARCHAR,
    bank_code VARCHAR,
    data_status VARCHAR,                -- as upstream says: AVAILABLE, PARTIAL, UNAVAILABLE, FAILED, PROCESSING
    reauthorisation_required BOOLEAN,
    cursor VARCHAR,                     -- opaque position of the stream
    linked_at TIMESTAMPTZ,
    unlinked_at TIMESTAMPTZ,
    synced_at TIMESTAMPTZ,              -- last sync that reached the end
    sync_error VARCHAR                  -- why the last sync did not, else null
)
;
-- identity: account_id, transaction_id. The newest version of each line.
CREATE TABLE transactions (
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,
    transaction_id VARCHAR,
    version INTEGER,                    -- 1 when first seen
    booked_at TIMESTAMPTZ,
    day DATE,                           -- of booked_at in Africa/Lagos
    direction VARCHAR,                  -- credit, debit
    amount BIGINT,                      -- minor units
    currency VARCHAR,                   -- ISO 4217; null: the account's
    narration VARCHAR,
    description VARCHAR,
    counterparty VARCHAR,               -- the explicit field, where the source gives one
    reference VARCHAR,                  -- the explicit field, where the source gives one
    tags VARCHAR[],
    status VARCHAR,                     -- settled, pending
    category VARCHAR,
    balance BIGINT,                     -- minor units
    payload VARCHAR,                    -- JSON as it came
    payload_hash VARCHAR,
    received_at TIMESTAMPTZ,
    run_id VARCHAR
)
;
ALTER TABLE transactions SET PARTITIONED BY (year(day), month(day), bucket(8, account_id))
;
-- identity: account_id, transaction_id, payload_hash. What the newest version replaced.
CREATE TABLE transaction_versions (
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,
    transaction_id VARCHAR,
    version INTEGER,
    booked_at TIMESTAMPTZ,
    day DATE,
    direction VARCHAR,
    amount BIGINT,
    currency VARCHAR,
    narration VARCHAR,
    description VARCHAR,
    counterparty VARCHAR,
    reference VARCHAR,
    tags VARCHAR[],
    status VARCHAR,
    category VARCHAR,
    balance BIGINT,
    payload VARCHAR,
    payload_hash VARCHAR,
    received_at TIMESTAMPTZ,
    run_id VARCHAR
)
;
ALTER TABLE transaction_versions SET PARTITIONED BY (year(day), month(day), bucket(8, account_id))
;
-- identity: account_id, payload_hash. Rows that could not be read.
CREATE TABLE quarantine (
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,
    payload_hash VARCHAR,
    source VARCHAR,                     -- sync, webhook
    field VARCHAR,
    expected VARCHAR,
    payload VARCHAR,
    quarantined_at TIMESTAMPTZ,
    run_id VARCHAR
)
;
-- Days whose lines changed and whose decisions have not followed yet: inserted with the lines, deleted with the decisions.
CREATE TABLE touched_days (
    touch_id VARCHAR,
    organization_id VARCHAR,
    environment VARCHAR,
    day DATE
)
;
-- identity: organization_id, environment, day. Under which policy and lists a day was last decided.
CREATE TABLE decided_days (
    organization_id VARCHAR,
    environment VARCHAR,
    day DATE,
    policy_hash VARCHAR,
    lists_hash VARCHAR,
    invoices_hash VARCHAR,
    due_at TIMESTAMPTZ                  -- when the passing of time alone changes a decision (a pending line), else null
)
;
-- identity: account_id, transaction_id. The decision in force of each line; evidence stands only where it fired.
CREATE TABLE decisions (
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,
    transaction_id VARCHAR,
    day DATE,
    version INTEGER,                    -- of the transaction
    outcome VARCHAR,                    -- eligible, rejected, held
    reason VARCHAR,
    detail VARCHAR,
    rule UTINYINT,                      -- the row of the decision table that decided
    score SMALLINT,                     -- points
    signals UINTEGER,                   -- one bit a signal: rules/signals.py
    nearest_miss UINTEGER,              -- the signals that would have made it eligible, as bits
    counterparty VARCHAR,               -- explicit, else by the rail's grammar
    rail VARCHAR,
    reference VARCHAR,
    business_term VARCHAR,
    business_at VARCHAR,                -- "remark word 3"
    personal_term VARCHAR,
    personal_at VARCHAR,
    refund_term VARCHAR,
    refund_at VARCHAR,
    reversal_term VARCHAR,
    reversal_at VARCHAR,
    company_term VARCHAR,
    company_at VARCHAR,
    refused_reference VARCHAR,          -- an explicit reference that the pattern does not match
    deny_entry VARCHAR,
    allow_entry VARCHAR,
    floor BIGINT,                       -- minor units; null: the currency has none
    policy_hash VARCHAR,
    lists_hash VARCHAR,
    invoices_hash VARCHAR,
    decided_at TIMESTAMPTZ,
    trace_id VARCHAR
)
;
ALTER TABLE decisions SET PARTITIONED BY (year(day), month(day), bucket(8, account_id))
;
-- Every decision that was replaced: with decisions, the log of all that was ever decided.
CREATE TABLE superseded_decisions (
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,
    transaction_id VARCHAR,
    day DATE,
    version INTEGER,
    outcome VARCHAR,
    reason VARCHAR,
    detail VARCHAR,
    rule UTINYINT,
    score SMALLINT,
    signals UINTEGER,
    nearest_miss UINTEGER,
    counterparty VARCHAR,
    rail VARCHAR,
    reference VARCHAR,
    business_term VARCHAR,
    business_at VARCHAR,
    personal_term VARCHAR,
    personal_at VARCHAR,
    refund_term VARCHAR,
    refund_at VARCHAR,
    reversal_term VARCHAR,
    reversal_at VARCHAR,
    company_term VARCHAR,
    company_at VARCHAR,
    refused_reference VARCHAR,          -- an explicit reference that the pattern does not match
    deny_entry VARCHAR,
    allow_entry VARCHAR,
    floor BIGINT,
    policy_hash VARCHAR,
    lists_hash VARCHAR,
    invoices_hash VARCHAR,
    decided_at TIMESTAMPTZ,
    trace_id VARCHAR,
    superseded_at TIMESTAMPTZ
)
;
ALTER TABLE superseded_decisions SET PARTITIONED BY (year(day), month(day), bucket(8, account_id))
;
-- identity: draft_id
CREATE TABLE drafts (
    draft_id VARCHAR,
    kind VARCHAR,                       -- invoice, credit_note
    status VARCHAR,                     -- DRAFT, CONFIRMED, VALIDATED, SIGNED, DISCARDED, WITHDRAWN
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,
    transaction_id VARCHAR,
    day DATE,
    amount BIGINT,                      -- minor units
    currency VARCHAR,
    reference VARCHAR,
    buyer_name VARCHAR,
    missing VARCHAR[],                  -- what a person must add
    contested BOOLEAN,
    document VARCHAR,                   -- JSON in the shape of the FIRS / NRS invoice
    created_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ,
    trace_id VARCHAR
)
;
ALTER TABLE drafts SET PARTITIONED BY (year(day), month(day), bucket(8, account_id))
;
-- identity: account_id, transaction_id. The dead-letter queue.
CREATE TABLE rejections (
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,
    transaction_id VARCHAR,
    day DATE,
    reason VARCHAR,
    detail VARCHAR,
    rejected_at TIMESTAMPTZ,
    replayed_at TIMESTAMPTZ,
    trace_id VARCHAR
)
;
ALTER TABLE rejections SET PARTITIONED BY (year(day), month(day), bucket(8, account_id))
;
-- identity: event_id. Kept until delivered, and after.
CREATE TABLE monitoring_events (
    event_id VARCHAR,
    event VARCHAR,
    environment VARCHAR,
    trace_id VARCHAR,
    organization_id VARCHAR,
    account_id VARCHAR,
    transaction_id VARCHAR,
    day DATE,
    reason VARCHAR,
    detail VARCHAR,
    occurred_at TIMESTAMPTZ,
    delivered_at TIMESTAMPTZ
)
;
ALTER TABLE monitoring_events SET PARTITIONED BY (year(day), month(day), bucket(8, account_id))
;
-- identity: account_id, transaction_id, labelled_by
CREATE TABLE labels (
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,
    transaction_id VARCHAR,
    label VARCHAR,                      -- business, personal
    labelled_by VARCHAR,
    labelled_at TIMESTAMPTZ
)
;
-- identity: entry_id
CREATE TABLE list_entries (
    entry_id VARCHAR,
    list VARCHAR,                       -- allow, deny
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,                 -- null: the whole tenant
    field VARCHAR,                      -- counterparty, narration, reference, tag
    match VARCHAR,                      -- exact, contains, prefix, regex
    value VARCHAR,
    note VARCHAR,
    created_at TIMESTAMPTZ,
    expires_at TIMESTAMPTZ
)
;
-- identity: policy_hash. Each policy that ever decided, whole.
CREATE TABLE policies (
    policy_hash VARCHAR,
    name VARCHAR,
    content VARCHAR,                    -- canonical TOML
    points_business_term SMALLINT,
    points_reference SMALLINT,
    points_company SMALLINT,
    points_at_or_above_floor SMALLINT,
    points_minimum SMALLINT,
    first_used_at TIMESTAMPTZ
)
;
-- identity: invoice_id
CREATE TABLE invoices (
    invoice_id VARCHAR,
    organization_id VARCHAR,
    environment VARCHAR,
    number VARCHAR,
    customer_name VARCHAR,
    customer_tin VARCHAR,
    customer_email VARCHAR,
    currency VARCHAR,
    total_amount BIGINT,                -- minor units
    net_amount BIGINT,
    vat_amount BIGINT,
    issue_date DATE,
    due_date DATE,
    status VARCHAR,                     -- open, paid, cancelled
    imported_at TIMESTAMPTZ
)
;
-- identity: settlement_id
CREATE TABLE settlements (
    settlement_id VARCHAR,
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,
    transaction_id VARCHAR,
    day DATE,
    invoice_id VARCHAR,
    invoice_number VARCHAR,
    strategy VARCHAR,
    status VARCHAR,                     -- linked, suggested, accepted, declined
    allocated BIGINT,                   -- bank money, minor units
    deductions VARCHAR,                 -- JSON
    difference BIGINT,
    decided_at TIMESTAMPTZ
)
;
-- Income streams as upstream reports them.
CREATE TABLE income_streams (
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,
    income_type VARCHAR,
    frequency VARCHAR,
    monthly_average BIGINT,
    average_income_amount BIGINT,
    currency VARCHAR,
    stability DOUBLE,
    first_income_date DATE,
    last_income_date DATE,
    last_income_amount BIGINT,
    last_income_description VARCHAR,
    periods_with_income INTEGER,
    number_of_incomes INTEGER,
    number_of_months INTEGER,
    received_at TIMESTAMPTZ
)
;
-- What was erased, in counts, never in content.
CREATE TABLE erasures (
    erasure_id VARCHAR,
    organization_id VARCHAR,
    environment VARCHAR,
    scope VARCHAR,
    requested_at TIMESTAMPTZ,
    finished_at TIMESTAMPTZ,
    counts VARCHAR,                     -- JSON: table -> rows
    proved BOOLEAN
)
;
