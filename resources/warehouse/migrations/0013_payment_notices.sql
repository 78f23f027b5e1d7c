-- identity: notice_id, a pure function of tenant, draft and status. What is to be told of the payment of signed invoices,
-- and whether it was: the outbox to whoever registered them. It holds no bank line, and its reference is its own id.
CREATE TABLE payment_notices (
    notice_id VARCHAR,
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,
    draft_id VARCHAR,
    irn VARCHAR,
    payment_status VARCHAR,             -- PARTIAL, PAID
    signer VARCHAR,                     -- local, nrs
    raised_at TIMESTAMPTZ,
    trace_id VARCHAR,
    attempts INTEGER,
    tried_at TIMESTAMPTZ,
    cause VARCHAR,                      -- why the last attempt failed: unreachable, refused, not_configured
    told_at TIMESTAMPTZ
)
;
CREATE VIEW audit.payment_notices AS
SELECT * FROM main.payment_notices
