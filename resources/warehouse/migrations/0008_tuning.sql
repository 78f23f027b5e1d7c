-- The life of a policy: which one is in force since when, by whom and why; a candidate decided beside it.

-- identity: activation_id. The newest is in force.
CREATE TABLE policy_activations (
    activation_id VARCHAR,
    policy_hash VARCHAR,                -- its content stands in policies
    activated_by VARCHAR,
    why VARCHAR,
    activated_at TIMESTAMPTZ,
    replay VARCHAR                      -- JSON: the figures of the replay that was looked at, null: none was
)
;
-- identity: shadow_id. The newest is decided beside the policy in force, unless it was stopped.
CREATE TABLE policy_shadows (
    shadow_id VARCHAR,
    policy_hash VARCHAR,
    started_by VARCHAR,
    started_at TIMESTAMPTZ,
    stopped_at TIMESTAMPTZ
)
;
-- identity: shadow_id, account_id, transaction_id. Lines of which the candidate and the policy in force say otherwise.
CREATE TABLE shadow_disagreements (
    shadow_id VARCHAR,
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,
    transaction_id VARCHAR,
    day DATE,
    in_force VARCHAR,                   -- eligible, held, or reason/detail
    candidate VARCHAR,
    candidate_score SMALLINT,
    policy_hash VARCHAR,                -- of the policy in force
    candidate_hash VARCHAR,
    noted_at TIMESTAMPTZ,
    trace_id VARCHAR
)
;
ALTER TABLE shadow_disagreements SET PARTITIONED BY (year(day), month(day), bucket(8, account_id))
;
CREATE VIEW audit.shadow AS
SELECT
    s.organization_id, s.environment, s.account_id, s.transaction_id, s.day, t.direction, t.amount,
    coalesce(t.currency, a.currency) AS currency, t.narration, s.in_force, s.candidate, s.candidate_score,
    s.policy_hash, s.candidate_hash, p.name AS candidate_name, s.noted_at, s.trace_id
FROM main.shadow_disagreements AS s
JOIN main.transactions AS t USING (account_id, transaction_id, day)
LEFT JOIN main.accounts AS a USING (account_id)
LEFT JOIN (SELECT policy_hash, name FROM main.policies) AS p ON p.policy_hash = s.candidate_hash
;
CREATE VIEW audit.policy_activations AS
SELECT c.activation_id, c.policy_hash, p.name, c.activated_by, c.why, c.activated_at, c.replay
FROM main.policy_activations AS c
LEFT JOIN (SELECT policy_hash, name FROM main.policies) AS p USING (policy_hash)
;
