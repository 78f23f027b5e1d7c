-- What operating leaves behind: events that came in, what upstream says of accounts over time, alerts on their way out.

-- identity: event_key. Every event that was taken in, without its payload.
CREATE TABLE webhook_events (
    event_key VARCHAR,                  -- 64 hex digits: of the event's id, else of its content
    event VARCHAR,                      -- its name, such as transaction.settled
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,                 -- null where it names none
    received_at TIMESTAMPTZ,
    processed_at TIMESTAMPTZ,           -- null while its account is still to be pulled
    outcome VARCHAR,                    -- resources/webhooks.py names them
    cause VARCHAR                       -- why it failed, else null
)
;
-- identity: account_id, observed_at. Balances over time.
CREATE TABLE balances (
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,
    balance BIGINT,                     -- minor units
    currency VARCHAR,
    observed_at TIMESTAMPTZ
)
;
-- identity: account_id. Who holds the account, and no more of them than that.
CREATE TABLE identities (
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,
    full_name VARCHAR,
    bvn_last_four VARCHAR,
    verified BOOLEAN,
    received_at TIMESTAMPTZ
)
;
-- identity: account_id, record_hash. Income as upstream reports it, report by report; its streams are in income_streams.
CREATE TABLE income_records (
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,
    record_hash VARCHAR,
    source VARCHAR,                     -- records, webhook
    period VARCHAR,
    first_transaction_date DATE,
    last_transaction_date DATE,
    number_of_income_streams INTEGER,
    total_income BIGINT,                -- minor units, like all that follow
    annual_income BIGINT,
    monthly_income BIGINT,
    aggregated_monthly_average BIGINT,
    total_regular_income_amount BIGINT,
    total_irregular_income_amount BIGINT,
    received_at TIMESTAMPTZ
)
;
-- identity: account_id, first_day, last_day. The windows of history that were read on demand.
CREATE TABLE history_windows (
    organization_id VARCHAR,
    environment VARCHAR,
    account_id VARCHAR,
    first_day DATE,
    last_day DATE,
    read_at TIMESTAMPTZ
)
;
-- identity: alert_id. Kept until delivered, and after.
CREATE TABLE alerts (
    alert_id VARCHAR,
    event VARCHAR,                      -- run_failed, check_failed, dlq_growing
    environment VARCHAR,
    organization_id VARCHAR,            -- null where it is no tenant's
    trace_id VARCHAR,
    summary VARCHAR,                    -- counts and names of ours, never a row's value
    occurred_at TIMESTAMPTZ,
    delivered_at TIMESTAMPTZ
)
;
CREATE VIEW audit.webhooks AS
SELECT * FROM main.webhook_events
;
CREATE VIEW audit.balances AS
SELECT * FROM main.balances
;
CREATE VIEW audit.identities AS
SELECT * FROM main.identities
;
CREATE VIEW audit.income_records AS
SELECT * FROM main.income_records
;
CREATE VIEW audit.alerts AS
SELECT * FROM main.alerts
;
