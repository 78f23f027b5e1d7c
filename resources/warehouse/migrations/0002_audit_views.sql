-- What anyone may read. The columns of these views are contracts.
CREATE SCHEMA IF NOT EXISTS audit
;
-- One row a decision in force, its typed evidence rendered as JSON. Bits: rules/signals.py.
CREATE VIEW main.decision_passports AS
SELECT
    d.*,
    CASE WHEN d.signals IS NULL THEN NULL ELSE
        CAST(json_object(
            'row', d.rule,
            'score', d.score,
            'minimum', p.points_minimum,
            'signals', json_object(
                'credit', json_object('held', (d.signals & 1) > 0),
                'refund_term', json_object('held', (d.signals & 2) > 0, 'term', d.refund_term, 'at', d.refund_at),
                'currency_known', json_object('held', (d.signals & 4) > 0),
                'currency_invoiced', json_object('held', (d.signals & 8) > 0),
                'reference_parses', json_object('held', (d.signals & 16) > 0, 'saw', d.refused_reference),
                'settled', json_object('held', (d.signals & 32) > 0),
                'overdue', json_object('held', (d.signals & 64) > 0),
                'deny_entry', json_object('held', (d.signals & 128) > 0, 'entry', d.deny_entry),
                'allow_entry', json_object('held', (d.signals & 256) > 0, 'entry', d.allow_entry),
                'reversal_term', json_object('held', (d.signals & 512) > 0, 'term', d.reversal_term, 'at', d.reversal_at),
                'self_transfer', json_object('held', (d.signals & 1024) > 0),
                'personal_term', json_object('held', (d.signals & 2048) > 0, 'term', d.personal_term, 'at', d.personal_at),
                'at_or_above_floor', json_object('held', (d.signals & 4096) > 0, 'floor', d.floor, 'points', p.points_at_or_above_floor),
                'counterparty_known', json_object('held', (d.signals & 8192) > 0, 'rail', d.rail),
                'business_term', json_object('held', (d.signals & 16384) > 0, 'term', d.business_term, 'at', d.business_at, 'points', p.points_business_term),
                'reference', json_object('held', (d.signals & 32768) > 0, 'saw', d.reference, 'points', p.points_reference),
                'company_term', json_object('held', (d.signals & 65536) > 0, 'term', d.company_term, 'at', d.company_at, 'points', p.points_company)
            ),
            'nearest_miss', list_filter([
                CASE WHEN (d.nearest_miss & 1) > 0 THEN 'credit' END,
                CASE WHEN (d.nearest_miss & 2) > 0 THEN 'refund_term' END,
                CASE WHEN (d.nearest_miss & 4) > 0 THEN 'currency_known' END,
                CASE WHEN (d.nearest_miss & 8) > 0 THEN 'currency_invoiced' END,
                CASE WHEN (d.nearest_miss & 16) > 0 THEN 'reference_parses' END,
                CASE WHEN (d.nearest_miss & 32) > 0 THEN 'settled' END,
                CASE WHEN (d.nearest_miss & 64) > 0 THEN 'overdue' END,
                CASE WHEN (d.nearest_miss & 128) > 0 THEN 'deny_entry' END,
                CASE WHEN (d.nearest_miss & 256) > 0 THEN 'allow_entry' END,
                CASE WHEN (d.nearest_miss & 512) > 0 THEN 'reversal_term' END,
                CASE WHEN (d.nearest_miss & 1024) > 0 THEN 'self_transfer' END,
                CASE WHEN (d.nearest_miss & 2048) > 0 THEN 'personal_term' END,
                CASE WHEN (d.nearest_miss & 4096) > 0 THEN 'at_or_above_floor' END,
                CASE WHEN (d.nearest_miss & 8192) > 0 THEN 'counterparty_known' END,
                CASE WHEN (d.nearest_miss & 16384) > 0 THEN 'business_term' END,
                CASE WHEN (d.nearest_miss & 32768) > 0 THEN 'reference' END,
                CASE WHEN (d.nearest_miss & 65536) > 0 THEN 'company_term' END
            ], x -> x IS NOT NULL),
            'lists_hash', d.lists_hash,
            'invoices_hash', d.invoices_hash
        ) AS VARCHAR)
    END AS evidence
FROM (
    SELECT *, CAST(NULL AS TIMESTAMPTZ) AS superseded_at FROM main.decisions
    UNION ALL BY NAME
    SELECT * FROM main.superseded_decisions
) AS d
LEFT JOIN main.policies AS p USING (policy_hash)
;
CREATE VIEW audit.outcomes AS
SELECT
    t.organization_id,
    t.environment,
    t.account_id,
    t.transaction_id,
    t.booked_at,
    t.day,
    t.direction,
    t.amount,
    coalesce(t.currency, a.currency) AS currency,
    t.narration,
    coalesce(d.counterparty, t.counterparty) AS counterparty,
    CASE WHEN d.outcome IS NULL THEN t.reference ELSE d.reference END AS reference,
    t.status,
    d.outcome,
    CASE
        WHEN d.outcome IN ('rejected', 'held') THEN d.outcome
        WHEN s.settled THEN 'matched'
        WHEN f.draft_id IS NOT NULL THEN 'drafted'
        WHEN s.suggested THEN 'review'
    END AS disposition,
    d.reason,
    d.detail,
    d.score,
    d.evidence,
    s.invoice_id,
    f.draft_id,
    d.policy_hash,
    d.decided_at,
    d.trace_id
FROM main.transactions AS t
LEFT JOIN main.accounts AS a USING (account_id)
LEFT JOIN (SELECT * FROM main.decision_passports WHERE superseded_at IS NULL) AS d USING (account_id, transaction_id, day)
LEFT JOIN (SELECT account_id, transaction_id, day, draft_id FROM main.drafts WHERE status <> 'WITHDRAWN') AS f
    USING (account_id, transaction_id, day)
LEFT JOIN (
    SELECT
        account_id,
        transaction_id,
        min(invoice_id) FILTER (WHERE status IN ('linked', 'accepted')) AS invoice_id,
        bool_or(status IN ('linked', 'accepted')) AS settled,
        bool_or(status = 'suggested') AS suggested
    FROM main.settlements
    GROUP BY ALL
) AS s USING (account_id, transaction_id)
;
CREATE VIEW audit.drafts AS
SELECT
    draft_id, kind, status, organization_id, environment, account_id, transaction_id, amount, currency,
    reference, buyer_name, missing, contested, created_at
FROM main.drafts
;
CREATE VIEW audit.rejections AS
SELECT o.*, r.rejected_at, r.replayed_at, l.label, l.labelled_by
FROM audit.outcomes AS o
JOIN (SELECT account_id, transaction_id, day, rejected_at, replayed_at FROM main.rejections) AS r
    USING (account_id, transaction_id, day)
LEFT JOIN (
    SELECT
        account_id,
        transaction_id,
        arg_max(label, labelled_at) AS label,
        arg_max(labelled_by, labelled_at) AS labelled_by
    FROM main.labels
    GROUP BY ALL
) AS l USING (account_id, transaction_id)
;
CREATE VIEW audit.settlements AS
SELECT
    settlement_id, transaction_id, account_id, invoice_id, invoice_number, strategy, status, allocated, deductions,
    difference, decided_at
FROM main.settlements
;
CREATE VIEW audit.decision_log AS
SELECT
    organization_id, environment, account_id, transaction_id, day, version, outcome, reason, detail, score,
    counterparty, reference, evidence, policy_hash, lists_hash, invoices_hash, decided_at, superseded_at, trace_id
FROM main.decision_passports
;
CREATE VIEW audit.funnel AS
SELECT
    organization_id,
    environment,
    day,
    currency,
    count(*) AS transactions,
    count(*) FILTER (WHERE disposition = 'matched') AS matched,
    count(*) FILTER (WHERE disposition = 'review') AS review,
    count(*) FILTER (WHERE disposition = 'drafted') AS drafted,
    count(*) FILTER (WHERE disposition = 'rejected') AS rejected,
    count(*) FILTER (WHERE disposition = 'held') AS held,
    count(*) FILTER (WHERE disposition IS NULL) AS undecided,
    sum(amount) AS amount,
    coalesce(sum(amount) FILTER (WHERE disposition = 'drafted'), 0) AS amount_drafted
FROM audit.outcomes
GROUP BY ALL
;
CREATE VIEW audit.quarantine AS
SELECT * FROM main.quarantine
;
CREATE VIEW audit.erasures AS
SELECT * FROM main.erasures
;
CREATE VIEW audit.accounts AS
SELECT * FROM main.accounts
;
CREATE VIEW audit.income AS
SELECT * FROM main.income_streams
;
CREATE VIEW audit.monitoring_events AS
SELECT
    event, environment, trace_id, organization_id, account_id, transaction_id, reason, detail, occurred_at,
    delivered_at
FROM main.monitoring_events
;
