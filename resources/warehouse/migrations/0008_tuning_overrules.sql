-- identity: account_id, transaction_id. Rejections that a person overruled: deciding takes each for an allow entry of one
-- line, until the person takes it back.
CREATE TABLE overrules (
    overrule_id VARCHAR,
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,
    transaction_id VARCHAR,
    overruled_by VARCHAR,
    why VARCHAR,
    overruled_at TIMESTAMPTZ
)
;
CREATE VIEW audit.overrules AS
SELECT * FROM main.overrules
;
