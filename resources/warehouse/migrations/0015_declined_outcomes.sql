-- A payment whose suggestion somebody has just declined is under review until it is settled anew, which the next run does:
-- then it is settled otherwise, or drafted.
CREATE OR REPLACE VIEW audit.outcomes AS
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
        WHEN s.suggested OR s.declined THEN 'review'
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
        bool_or(status = 'suggested') AS suggested,
        bool_or(status = 'declined') AS declined
    FROM main.settlements
    GROUP BY ALL
) AS s USING (account_id, transaction_id)
