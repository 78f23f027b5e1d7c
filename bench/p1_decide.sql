-- The same decisions in hand-written SQL over the same file: rails, remark, terms with what they found, list entries, the
-- decision table. $names are regular expressions over word forms, made from the same policy.
WITH lines AS (
    SELECT *, coalesce(currency, account_currency) AS money, coalesce(trim(narration), '') AS said
    FROM read_parquet($lines)
),
split AS (
    SELECT *, string_split(said, '/') AS f, lower(said) AS low FROM lines
),
rails AS (
    SELECT *,
        CASE
            WHEN starts_with(low, 'nip cr/mob/') THEN {'name': f[3], 'rest': array_to_string(f[4:], '/')}
            WHEN starts_with(low, 'nip cr/') THEN {'name': f[2], 'rest': array_to_string(f[3:], '/')}
            WHEN (starts_with(low, 'nip/') OR starts_with(low, 'ft/') OR starts_with(low, 'mob/')) AND len(f) > 2
                THEN {'name': f[3], 'rest': array_to_string(f[4:], '/')}
            WHEN starts_with(low, 'cip cr/') OR starts_with(low, 'niss inflow/')
                THEN {'name': f[2], 'rest': array_to_string(f[3:], '/')}
            WHEN starts_with(low, 'nip from ')
                THEN regexp_extract(said, '(?is)SENDER:(.*?)REMARK:(.*)$', ['name', 'rest'])
            WHEN starts_with(low, 'nip frm ')
                THEN regexp_extract(said, '(?is)^NIP FRM ([^-]*)-(.*)$', ['name', 'rest'])
            WHEN starts_with(low, 'trf frm ') OR starts_with(low, 'trf from ') OR starts_with(low, 'web: trf fr')
                THEN CASE WHEN regexp_matches(said, '(?is)TRF FRO?M ([^/]*?) TO (.*)$')
                    THEN regexp_extract(said, '(?is)TRF FRO?M ([^/]*?) TO (.*)$', ['name', 'rest'])
                    ELSE regexp_extract(said, '(?is)TRF FRO?M ([^/]*)/(.*)$', ['name', 'rest']) END
            WHEN starts_with(low, 'via gaps ')
                THEN regexp_extract(said, '(?is)^VIA GAPS (.*) FROM (.*)$', ['rest', 'name'])
            WHEN starts_with(low, 'transfer between customers ')
                THEN regexp_extract(said, $between, ['name', 'rest'])
            WHEN starts_with(low, 'outward transfer to ')
                THEN regexp_extract(said, $outward, ['name', 'rest'])
            WHEN starts_with(low, 'nibss instant payment outward ')
                THEN regexp_extract(said, '(?is)OUTWARD \d+\s+(\S.*?)()\s*$', ['name', 'rest'])
            WHEN starts_with(low, 'nxg :trf')
                THEN regexp_extract(said, '(?is)^NXG ?:TRF(.*)FRM(.*)$', ['rest', 'name'])
            WHEN starts_with(low, 'deposit cash (local currency)-')
                THEN regexp_extract(said, '(?is)\)-(.*)()$', ['name', 'rest'])
        END AS rail
    FROM split
),
parties AS (
    SELECT *, coalesce(nullif(trim(counterparty), ''), nullif(trim(rail.name), '')) AS party,
        CASE WHEN nullif(trim(rail.name), '') IS NULL AND rail IS NULL THEN said ELSE coalesce(rail.rest, '') END AS rest
    FROM rails
),
words AS (
    SELECT *,
        ' ' || trim(regexp_replace(lower(rest), '[^\p{L}\p{M}]+', '  ', 'g'), ' ') || ' ' AS rest_words,
        ' ' || trim(regexp_replace(lower(coalesce(party, said)), '[^\p{L}\p{M}]+', '  ', 'g'), ' ') || ' ' AS party_words,
        ' ' || trim(regexp_replace(lower(holder), '[^\p{L}\p{M}]+', '  ', 'g'), ' ') || ' ' AS holder_words,
        CASE WHEN reference IS NOT NULL
            THEN CASE WHEN regexp_matches(reference, $pattern) THEN reference END
            WHEN regexp_matches(said, 'INV-\d')
            THEN list_filter(regexp_split_to_array(said, '[\s/|,;:()]+'), t -> regexp_matches(t, $pattern))[1]
        END AS ref
    FROM parties
),
remarks AS (
    SELECT *,
        CASE WHEN party IS NOT NULL AND length(party_words) > 2 AND contains(rest_words, party_words)
            THEN replace(rest_words, party_words, chr(10)) ELSE rest_words END
            || coalesce(chr(10) || ' ' || trim(regexp_replace(lower(description), '[^\p{L}\p{M}]+', '  ', 'g'), ' ') || ' ', '')
            || coalesce(chr(10) || list_aggregate(list_transform(tags, t ->
                ' ' || trim(regexp_replace(lower(t), '[^\p{L}\p{M}]+', '  ', 'g'), ' ') || ' '), 'string_agg', chr(10)), '')
            AS before_boilerplate
    FROM words
),
said_words AS (
    SELECT *, CASE WHEN regexp_matches(before_boilerplate, $boilerplate)
        THEN regexp_replace(before_boilerplate, $boilerplate_words, chr(10), 'g') ELSE before_boilerplate END AS remark
    FROM remarks
),
found AS (
    SELECT *,
        nullif(regexp_extract(remark, $business), '') AS business,
        nullif(regexp_extract(remark, $personal), '') AS personal,
        nullif(regexp_extract(remark, $refund), '') AS refund,
        nullif(regexp_extract(remark, $reversal), '') AS reversal,
        nullif(regexp_extract(party_words, $company), '') AS company,
        amount >= 100000 AND money = 'NGN' AS above,
        party IS NOT NULL AND len(list_distinct(string_split(trim(party_words), '  '))) > 1
            AND list_sort(list_distinct(string_split(trim(party_words), '  ')))
              = list_sort(list_distinct(string_split(trim(holder_words), '  '))) AS own,
        low AS collapsed
    FROM said_words
),
likely AS (
    SELECT organization_id, environment, account_id, transaction_id, party, party_words, said, low, ref
    FROM found
    WHERE regexp_matches(party_words, $exact_parties) OR regexp_matches(low, $narration_starts)
        OR regexp_matches(lower(coalesce(party, '')), $party_starts) OR regexp_matches(low, $narration_any)
        OR regexp_replace(upper(ref), '[^\p{L}\p{Nd}]', '', 'g')
            IN (SELECT form FROM read_parquet($entries) WHERE field = 'reference')
),
verdicts AS (
    SELECT l.account_id, l.transaction_id,
        min(e.place) FILTER (WHERE e.list = 'deny') AS deny, min(e.place) FILTER (WHERE e.list = 'allow') AS allow
    FROM likely AS l JOIN read_parquet($entries) AS e
        ON e.organization_id = l.organization_id AND e.environment = l.environment
        AND (e.account_id IS NULL OR e.account_id = l.account_id)
    WHERE CASE
        WHEN e.field = 'counterparty' AND e.match = 'exact' THEN l.party IS NOT NULL AND l.party_words = e.form
        WHEN e.field = 'counterparty' THEN starts_with(lower(l.party), e.form)
        WHEN e.field = 'reference' THEN regexp_replace(upper(l.ref), '[^\p{L}\p{Nd}]', '', 'g') = e.form
        WHEN e.match = 'prefix' THEN starts_with(l.low, e.form)
        WHEN e.match = 'regex' THEN regexp_matches(l.said, e.form)
        ELSE regexp_matches(' ' || trim(regexp_replace(l.low, '[^\p{L}\p{M}]+', '  ', 'g'), ' ') || ' ', e.form) END
    GROUP BY ALL
),
scored AS (
    SELECT f.*, v.deny, v.allow,
        CASE WHEN business IS NOT NULL THEN 60 ELSE 0 END + CASE WHEN ref IS NOT NULL THEN 80 ELSE 0 END
        + CASE WHEN company IS NOT NULL THEN 30 ELSE 0 END + CASE WHEN above THEN 20 ELSE 0 END AS score
    FROM found AS f LEFT JOIN verdicts AS v USING (account_id, transaction_id)
)
SELECT organization_id, environment, account_id, transaction_id, party AS counterparty, ref AS reference, score,
    business, personal, refund, reversal, company, deny, allow,
    CASE
        WHEN deny IS NOT NULL THEN 'denylisted'
        WHEN direction = 'debit' AND refund IS NULL THEN 'debit_not_refund'
        WHEN money IS NULL THEN 'currency_unknown'
        WHEN money <> 'NGN' THEN 'currency_not_invoiced'
        WHEN reference IS NOT NULL AND ref IS NULL THEN 'reference_unparseable'
        WHEN status = 'pending' AND booked_at + INTERVAL 14 DAY <= $now THEN 'never_settled'
        WHEN status = 'pending' THEN 'pending_settlement'
        WHEN allow IS NOT NULL THEN 'allowlisted'
        WHEN direction = 'credit' AND reversal IS NOT NULL THEN 'reversal'
        WHEN own THEN 'self_transfer'
        WHEN personal IS NOT NULL THEN 'personal_keyword'
        WHEN NOT above AND party IS NULL THEN 'below_floor_no_counterparty'
        WHEN NOT above AND business IS NULL AND ref IS NULL THEN 'below_floor_no_signal'
        WHEN score < 50 THEN 'low_confidence'
        ELSE 'business_signal'
    END AS detail,
    position(business IN remark) AS business_at, position(personal IN remark) AS personal_at,
    position(reversal IN remark) AS reversal_at, position(company IN party_words) AS company_at
FROM scored
