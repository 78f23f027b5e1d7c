-- Reconciliation: settlements with their history, candidates that lost, and which tenants wait to be settled.
-- identity: settlement_id, a pure function of tenant, account, transaction, invoice and proposal.
ALTER TABLE settlements ADD COLUMN proposal VARCHAR         -- strategy, explanation, invoices; its rows stand or fall together
;
ALTER TABLE settlements ADD COLUMN deducted BIGINT          -- the sum of the deductions, minor units
;
ALTER TABLE settlements ADD COLUMN policy_hash VARCHAR
;
ALTER TABLE settlements ADD COLUMN pack_version VARCHAR     -- of the deductions
;
ALTER TABLE settlements ADD COLUMN trace_id VARCHAR
;
ALTER TABLE settlements ADD COLUMN decided_by VARCHAR       -- the person who accepted or declined it
;
ALTER TABLE settlements SET PARTITIONED BY (year(day), month(day), bucket(8, account_id))
;
-- Every settlement of the rules that was replaced.
CREATE TABLE superseded_settlements (
    settlement_id VARCHAR,
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,
    transaction_id VARCHAR,
    day DATE,
    invoice_id VARCHAR,
    invoice_number VARCHAR,
    proposal VARCHAR,
    strategy VARCHAR,
    status VARCHAR,
    allocated BIGINT,
    deducted BIGINT,
    deductions VARCHAR,
    difference BIGINT,
    decided_at TIMESTAMPTZ,
    policy_hash VARCHAR,
    pack_version VARCHAR,
    trace_id VARCHAR,
    decided_by VARCHAR,
    superseded_at TIMESTAMPTZ
)
;
ALTER TABLE superseded_settlements SET PARTITIONED BY (year(day), month(day), bucket(8, account_id))
;
-- Candidates that lost, with why: replaced whenever their payment is reconciled anew.
CREATE TABLE settlement_candidates (
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,
    transaction_id VARCHAR,
    day DATE,
    invoice_id VARCHAR,
    invoice_number VARCHAR,
    strategy VARCHAR,                   -- the strategy that it lost at; null: before any
    why VARCHAR,
    gap BIGINT                          -- owed less arrived, minor units
)
;
ALTER TABLE settlement_candidates SET PARTITIONED BY (year(day), month(day), bucket(8, account_id))
;
-- Tenants whose decisions changed and whose payments have not been settled since.
CREATE TABLE touched_tenants (
    touch_id VARCHAR,
    organization_id VARCHAR,
    environment VARCHAR,
    since TIMESTAMPTZ                   -- decisions made from then on are new to reconciliation
)
;
-- identity: organization_id, environment. By what a tenant was last settled.
CREATE TABLE settled_tenants (
    organization_id VARCHAR,
    environment VARCHAR,
    policy_hash VARCHAR,
    pack_version VARCHAR,
    books_state VARCHAR                 -- of its invoices and of what people decided
)
;
-- What each invoice is still owed, by what settles it.
CREATE VIEW audit.invoices AS
SELECT i.*,
    CASE WHEN i.status = 'open' THEN greatest(i.total_amount - coalesce(s.settled, 0), 0) ELSE 0 END AS outstanding,
    coalesce(s.payments, 0) AS payments
FROM main.invoices AS i
LEFT JOIN (
    SELECT organization_id, environment, invoice_id, count(*) AS payments,
        CAST(sum(allocated + coalesce(deducted, 0)) AS BIGINT) AS settled
    FROM main.settlements WHERE status IN ('linked', 'accepted') GROUP BY ALL
) AS s USING (organization_id, environment, invoice_id)
;
CREATE VIEW audit.settlement_candidates AS
SELECT * FROM main.settlement_candidates
;
-- Withheld taxes that a payer still owes a paper for: one row a deduction of a settlement in force.
CREATE VIEW audit.credit_notes_owed AS
SELECT s.organization_id, s.environment, s.account_id, s.transaction_id, s.day, s.invoice_id, s.invoice_number,
    i.customer_name, i.currency, json_extract_string(s.part, '$.kind') AS kind,
    json_extract_string(s.part, '$.rate') AS rate, CAST(json_extract(s.part, '$.amount') AS BIGINT) AS amount,
    json_extract_string(s.part, '$.owed') AS owed
FROM (
    SELECT *, unnest(json_extract(deductions, '$[*]')) AS part
    FROM main.settlements WHERE status IN ('linked', 'accepted') AND deductions <> '[]'
) AS s
LEFT JOIN main.invoices AS i USING (organization_id, environment, invoice_id)
WHERE json_extract_string(s.part, '$.owed') IS NOT NULL
;
-- Money that arrived and settles nothing, of payments that settle something.
CREATE VIEW audit.unapplied AS
SELECT t.organization_id, t.environment, t.account_id, t.transaction_id, t.day, t.amount,
    coalesce(t.currency, a.currency) AS currency, s.allocated, t.amount - s.allocated AS unapplied
FROM main.transactions AS t
JOIN (
    SELECT account_id, transaction_id, day, CAST(sum(allocated) AS BIGINT) AS allocated
    FROM main.settlements WHERE status IN ('linked', 'accepted') GROUP BY ALL
) AS s USING (account_id, transaction_id, day)
LEFT JOIN main.accounts AS a USING (account_id)
WHERE t.amount > s.allocated
