-- What is remembered of what was erased, so that it does not come back: keyed hashes and a day, never an id.

-- One row an erased line, or a quarantined payload. The key is a file of the home, never here.
CREATE TABLE erased_lines (
    account_hash VARCHAR,
    line_hash VARCHAR,
    key_mark VARCHAR,                   -- which key: the first digits of its own hash
    erased_at TIMESTAMPTZ
)
;
-- One row a retention: of accounts linked before `erased_at`, no line booked before this day comes in again.
CREATE TABLE erased_days (
    before DATE,
    erased_at TIMESTAMPTZ
)
;
