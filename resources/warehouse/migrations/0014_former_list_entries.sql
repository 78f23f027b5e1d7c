-- Entries that were taken out of force, and what an entry said before it was given another expiry: a replay as of a time
-- judges by the entries that held then.
CREATE TABLE former_list_entries (
    entry_id VARCHAR,
    list VARCHAR,
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,
    field VARCHAR,
    match VARCHAR,
    value VARCHAR,
    note VARCHAR,
    created_at TIMESTAMPTZ,
    expires_at TIMESTAMPTZ,
    ended_at TIMESTAMPTZ                -- from then on it held no longer, or other than this
)
;
