-- What the gateway keeps: who may speak to it, what people did with drafts, and what was answered to a repeated request.

-- identity: token_id. Of the token itself only a hash is kept.
CREATE TABLE tokens (
    token_id VARCHAR,
    token_hash VARCHAR,                 -- SHA-256, hex
    role VARCHAR,                       -- viewer, analyst, approver, admin
    organization_id VARCHAR,
    environment VARCHAR,
    created_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ
)
;
-- identity: token_id, route, idempotency_key. Answers to repeat for 24 hours.
CREATE TABLE answers (
    token_id VARCHAR,
    route VARCHAR,
    idempotency_key VARCHAR,
    request_hash VARCHAR,
    status INTEGER,
    body VARCHAR,
    answered_at TIMESTAMPTZ
)
;
-- Each consent that a holder gave through the widget; append-only.
CREATE TABLE consents (
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,
    given_at TIMESTAMPTZ,
    exchanged_by VARCHAR                -- token_id
)
;
-- identity: draft_id. What people added to a draft; the rules own the rest of its document.
CREATE TABLE draft_additions (
    draft_id VARCHAR,
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,
    fields VARCHAR,                     -- JSON
    filled VARCHAR[],                   -- of `missing`, what is there now
    updated_at TIMESTAMPTZ
)
;
-- identity: draft_id. Signed documents: the books' own records.
CREATE TABLE signatures (
    draft_id VARCHAR,
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,
    transaction_id VARCHAR,
    irn VARCHAR,
    document VARCHAR,                   -- JSON, as signed
    qr VARCHAR,                         -- what the QR code says
    signer VARCHAR,                     -- local, nrs
    signed_at TIMESTAMPTZ,
    signed_by VARCHAR                   -- token_id
)
;
-- Every step that a person took with a draft; append-only.
CREATE TABLE draft_log (
    draft_id VARCHAR,
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,
    step VARCHAR,                       -- patch, confirm, discard, validate, sign
    status_before VARCHAR,
    status_after VARCHAR,
    fields VARCHAR[],                   -- names of what was changed or found wrong, never values
    taken_by VARCHAR,                   -- token_id
    taken_at TIMESTAMPTZ,
    trace_id VARCHAR
)
;
CREATE VIEW audit.draft_log AS
SELECT * FROM main.draft_log
;
CREATE OR REPLACE VIEW audit.drafts AS
SELECT
    d.draft_id, d.kind, d.status, d.organization_id, d.environment, d.account_id, d.transaction_id, d.amount,
    d.currency, d.reference, d.buyer_name,
    CASE WHEN a.filled IS NULL THEN d.missing ELSE list_filter(d.missing, x -> NOT list_contains(a.filled, x)) END
        AS missing,
    d.contested, d.created_at
FROM main.drafts AS d
LEFT JOIN (SELECT draft_id, filled FROM main.draft_additions) AS a USING (draft_id)
;
