WITH received AS (
${received}
),
events AS (
    -- Only what was heard of each type as it is made now. Of laboratory tests the newest counts. An andon counts no
    -- units: somebody pulled the cord, and nobody knows out of how many shipments.
    SELECT r.product_id, r.package_type, r.kind, r.n_units, r.n_bad, r.observed_at,
           CASE WHEN r.observed_at >= DATEADD(day, 1 - ${recent_days}, CAST(${as_of} AS DATE)) THEN 1 ELSE 0 END AS late,
           ROW_NUMBER() OVER (PARTITION BY r.product_id, r.package_type, r.kind
                              ORDER BY r.observed_at DESC, r.ingested_at DESC, r.n_bad DESC) AS newest
    FROM received r
    JOIN ${schema}.package_types t ON t.package_type = r.package_type AND t.version = r.version
    WHERE r.place = 1 AND r.n_units > 0 AND r.kind <> 'andon'
),
evidence AS (
    SELECT product_id, package_type,
           SUM(CASE WHEN kind <> 'lab_test' THEN n_units ELSE 0 END) AS shipped,
           SUM(CASE WHEN kind <> 'lab_test' THEN n_bad ELSE 0 END) AS bad,
           SUM(CASE WHEN kind = 'lab_test' AND newest = 1 THEN n_units ELSE 0 END) AS tested,
           SUM(CASE WHEN kind = 'lab_test' AND newest = 1 THEN n_bad ELSE 0 END) AS failed,
           SUM(CASE WHEN kind <> 'lab_test' THEN late * n_units ELSE 0 END) AS recent_units,
           SUM(CASE WHEN kind <> 'lab_test' THEN late * n_bad ELSE 0 END) AS recent_bad,
           MAX(observed_at) AS observed_at
    FROM events
    GROUP BY product_id, package_type
)
SELECT e.product_id, e.package_type, e.shipped, e.bad, e.tested, e.failed, e.recent_units, e.recent_bad, e.observed_at,
       ${columns}
FROM evidence e
JOIN (
    -- Products as they were at the end of the day: counts add up months, so there is no one moment to look back to, and
    -- products are scored once, not once for each type.
    SELECT product_id, ${plain_columns}, ROW_NUMBER() OVER (PARTITION BY product_id ORDER BY valid_to) AS nth_version
    FROM ${schema}.product_versions
    WHERE valid_to >= DATEADD(day, 1, CAST(${as_of} AS DATE))
) p ON p.product_id = e.product_id AND p.nth_version = 1
