-- What payments settled that have been erased since: an invoice that was paid does not open again when the bank line that
-- paid it is gone. It holds amounts of the tenant's own books; a new consent, which brings the lines back, clears it.
CREATE TABLE settled_by_erased (
    organization_id VARCHAR,
    environment VARCHAR,
    invoice_id VARCHAR,
    amount BIGINT,                      -- allocated and deducted, minor units
    account_hash VARCHAR,               -- keyed, as in erased_lines
    erased_at TIMESTAMPTZ
)
;
CREATE OR REPLACE VIEW audit.invoices AS
SELECT i.*,
    CASE
        WHEN i.status = 'open' THEN greatest(i.total_amount - coalesce(s.settled, 0) - coalesce(e.amount, 0), 0) ELSE 0
    END AS outstanding,
    coalesce(s.payments, 0) AS payments
FROM main.invoices AS i
LEFT JOIN (
    SELECT organization_id, environment, invoice_id, count(*) AS payments,
        CAST(sum(allocated + coalesce(deducted, 0)) AS BIGINT) AS settled
    FROM main.settlements WHERE status IN ('linked', 'accepted') GROUP BY ALL
) AS s USING (organization_id, environment, invoice_id)
LEFT JOIN (
    SELECT organization_id, environment, invoice_id, CAST(sum(amount) AS BIGINT) AS amount
    FROM main.settled_by_erased GROUP BY ALL
) AS e USING (organization_id, environment, invoice_id)
