DELETE FROM ${schema}.packaging_labels
WHERE package_type = ${package_type} AND source IN ('lab_test', 'feedback');

INSERT INTO ${schema}.packaging_labels
    (label_id, product_id, package_type, suitable, weight, source, observed_at)
WITH versions AS (
    -- A duplicated or corrected event keeps its id: what was ingested last counts.
    SELECT feedback_id, product_id, source, n_units, n_bad, observed_at,
           ROW_NUMBER() OVER (PARTITION BY feedback_id ORDER BY ingested_at DESC, n_bad, n_units) AS place
    FROM ${schema}.packaging_feedback
    WHERE package_type = ${package_type} AND ingested_at < DATEADD(day, 1, CAST(${as_of} AS DATE))
),
evidence AS (
    SELECT product_id,
           SUM(CASE WHEN source = 'lab_test' THEN n_units ELSE 0 END) AS lab_units,
           SUM(CASE WHEN source = 'lab_test' THEN n_bad ELSE 0 END) AS lab_bad,
           SUM(CASE WHEN source = 'lab_test' THEN 0 ELSE n_units END) AS shipped,
           SUM(CASE WHEN source = 'lab_test' THEN 0 ELSE n_bad END) AS bad,
           MAX(observed_at) AS observed_at
    FROM versions
    WHERE place = 1
    GROUP BY product_id
)
SELECT product_id || '/' || ${package_type},
       product_id,
       ${package_type},
       CASE
           WHEN lab_units > 0 THEN CASE WHEN lab_bad = 0 THEN 1 ELSE 0 END
           WHEN (bad / ${reporting_rate} + ${prior_bad}) / (shipped + ${prior_shipped}) <= ${damage_limit} THEN 1
           ELSE 0
       END,
       1.0,
       CASE WHEN lab_units > 0 THEN 'lab_test' ELSE 'feedback' END,
       observed_at
FROM evidence
WHERE lab_units > 0 OR shipped >= ${minimum_shipped};
