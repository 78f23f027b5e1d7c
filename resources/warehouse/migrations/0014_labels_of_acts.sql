-- What people say a line is: in so many words (labelled, overruled), or by what they did with its suggestion or draft.
-- An accepted suggestion and a confirmed draft say business; a draft that is discarded without having been confirmed says
-- personal. A declined suggestion says which invoice it is not, and nothing of the line.
CREATE VIEW audit.labels AS
SELECT organization_id, environment, account_id, transaction_id, label, labelled_by, labelled_at, 'labelled' AS source
FROM main.labels
UNION ALL
SELECT organization_id, environment, account_id, transaction_id, 'business', overruled_by, overruled_at, 'overruled'
FROM main.overrules
UNION ALL
SELECT organization_id, environment, account_id, transaction_id, 'business', decided_by, max(decided_at), 'accepted'
FROM main.settlements WHERE status = 'accepted' GROUP BY ALL
UNION ALL
SELECT
    d.organization_id, d.environment, d.account_id, d.transaction_id,
    CASE WHEN s.act = 'confirm' THEN 'business' ELSE 'personal' END, s.taken_by, s.taken_at,
    CASE WHEN s.act = 'confirm' THEN 'confirmed' ELSE 'discarded' END
FROM (
    SELECT
        draft_id,
        arg_max(step, taken_at) AS act,
        arg_max(status_before, taken_at) AS status_before,
        arg_max(taken_by, taken_at) AS taken_by,
        max(taken_at) AS taken_at
    FROM main.draft_log WHERE step IN ('confirm', 'discard') GROUP BY draft_id
) AS s
JOIN (SELECT draft_id, organization_id, environment, account_id, transaction_id FROM main.drafts) AS d USING (draft_id)
WHERE s.act = 'confirm' OR s.status_before = 'DRAFT'
;
