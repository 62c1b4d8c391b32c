DELETE FROM ${schema}.packaging_labels
WHERE package_type = ${package_type} AND source IN (${derived});

INSERT INTO ${schema}.packaging_labels
    (label_id, product_id, package_type, package_type_version, suitable, weight, source, observed_at, propensity)
WITH received AS (
${received}
),
events AS (
    -- Only what was heard of the type as it is made now. Of laboratory tests the newest counts; an event that was
    -- withdrawn has no units left and nothing bad.
    SELECT r.product_id, r.package_type, r.kind, r.n_units, r.n_bad, r.observed_at,
           ROW_NUMBER() OVER (PARTITION BY r.product_id, r.package_type, r.kind
                              ORDER BY r.observed_at DESC, r.ingested_at DESC, r.n_bad DESC) AS newest
    FROM received r
    JOIN ${schema}.package_types t ON t.package_type = r.package_type AND t.version = r.version
    WHERE r.place = 1 AND (r.n_units > 0 OR r.n_bad > 0)
),
evidence AS (
    SELECT product_id, package_type,
           MAX(CASE WHEN kind = 'lab_test' AND newest = 1 THEN n_bad END) AS lab_bad,
           MAX(CASE WHEN kind = 'lab_test' AND newest = 1 THEN observed_at END) AS tested_at,
           MAX(CASE WHEN kind = 'andon' AND n_bad > 0 THEN observed_at END) AS stopped_at,
           SUM(CASE WHEN kind IN ('lab_test', 'andon') THEN 0 ELSE n_units END) AS shipped,
           SUM(CASE WHEN kind IN ('lab_test', 'andon') THEN 0 ELSE n_bad END) AS bad,
           MAX(CASE WHEN kind IN ('lab_test', 'andon') THEN NULL ELSE observed_at END) AS heard_at
    FROM events
    GROUP BY product_id, package_type
),
judged AS (
    -- A failed test decides; a cord pulled since the last passed test overrules that test; shipments come last.
    SELECT product_id, package_type, lab_bad, tested_at, stopped_at, heard_at,
           (bad / ${reporting_rate} + ${prior_bad}) / (shipped + ${prior_shipped}) AS posterior,
           CASE WHEN lab_bad > 0 THEN 'lab_test'
                WHEN stopped_at >= NVL(tested_at, stopped_at) THEN 'andon'
                WHEN lab_bad = 0 THEN 'lab_test'
                WHEN shipped >= ${minimum_shipped} THEN 'feedback'
           END AS source
    FROM evidence
),
labelled AS (
    SELECT product_id, package_type, source,
           CASE source WHEN 'lab_test' THEN CASE WHEN lab_bad = 0 THEN 1 ELSE 0 END
                       WHEN 'andon' THEN 0
                       ELSE CASE WHEN posterior <= ${damage_limit} THEN 1 ELSE 0 END
           END AS suitable,
           CASE source WHEN 'lab_test' THEN tested_at WHEN 'andon' THEN stopped_at ELSE heard_at END AS observed_at
    FROM judged
    WHERE source IS NOT NULL
),
known AS (
    -- With the labels that people loaded: they count as a product's own, and for its other types as well.
    SELECT product_id, package_type, suitable, observed_at FROM labelled
    UNION ALL
    SELECT l.product_id, l.package_type, l.suitable, l.observed_at
    FROM ${schema}.packaging_labels l
    JOIN ${schema}.package_types t ON t.package_type = l.package_type AND t.version = NVL(l.package_type_version, 1)
    WHERE l.source NOT IN (${derived}) AND l.observed_at < DATEADD(day, 1, CAST(${as_of} AS DATE))
),
catalogue AS (
    -- Products as they were at the end of the day.
    SELECT product_id, length_cm, width_cm, height_cm, weight_g, is_liquid, ${category} AS category,
           CASE WHEN length_cm > 0 AND width_cm > 0 AND height_cm > 0 THEN 1 ELSE 0 END AS measured,
           ROW_NUMBER() OVER (PARTITION BY product_id ORDER BY valid_to) AS place
    FROM ${schema}.product_versions
    WHERE valid_to >= DATEADD(day, 1, CAST(${as_of} AS DATE))
      AND NVL(first_seen_at, CAST(${as_of} AS DATE)) < DATEADD(day, 1, CAST(${as_of} AS DATE))
),
fitting AS (
    -- Products that fit the type. An unknown size, weight or nature fits only where the type sets no limit on it.
    SELECT c.product_id, t.version, t.protection_rank, NVL(c.category, '') AS category,
           CASE ${bands} ELSE -1 END AS band
    FROM catalogue c
    JOIN ${schema}.package_types t ON t.package_type = ${package_type}
    WHERE c.place = 1
      AND (t.max_length_cm >= ${unbounded}
           OR (c.measured = 1 AND GREATEST(c.length_cm, c.width_cm, c.height_cm) <= t.max_length_cm))
      AND (t.max_width_cm >= ${unbounded}
           OR (c.measured = 1 AND GREATEST(LEAST(c.length_cm, c.width_cm),
                                           LEAST(GREATEST(c.length_cm, c.width_cm), c.height_cm)) <= t.max_width_cm))
      AND (t.max_height_cm >= ${unbounded}
           OR (c.measured = 1 AND LEAST(c.length_cm, c.width_cm, c.height_cm) <= t.max_height_cm))
      AND (t.max_weight_g >= ${unbounded} OR (c.weight_g > 0 AND c.weight_g <= t.max_weight_g))
      AND (t.allows_liquid = 1 OR c.is_liquid = 0)
),
cells AS (
    SELECT f.category, f.band, COUNT(*) AS products, COUNT(e.product_id) AS tried
    FROM fitting f
    LEFT JOIN evidence e ON e.product_id = f.product_id AND e.package_type = ${package_type}
    GROUP BY f.category, f.band
),
shares AS (
    -- Small cells lean on the share of all products.
    SELECT c.category, c.band, o.share,
           (c.tried + ${propensity_prior} * o.share) / (c.products + ${propensity_prior}) AS propensity
    FROM cells c
    CROSS JOIN (SELECT CAST(SUM(tried) AS DOUBLE PRECISION) / SUM(products) AS share FROM cells) o
),
implied AS (
    -- What suits suits in every stronger type that it fits, and what does not suit does not suit in any weaker one,
    -- where the types contradict each other nothing follows.
    SELECT k.product_id, MAX(k.suitable) AS suitable, MAX(k.observed_at) AS observed_at
    FROM known k
    JOIN ${schema}.package_types s ON s.package_type = k.package_type
    JOIN fitting f ON f.product_id = k.product_id
    LEFT JOIN known own ON own.product_id = k.product_id AND own.package_type = ${package_type}
    WHERE own.product_id IS NULL AND ${propagated_weight} > 0
      AND ((k.suitable = 1 AND s.protection_rank < f.protection_rank)
           OR (k.suitable = 0 AND s.protection_rank > f.protection_rank))
    GROUP BY k.product_id
    HAVING MIN(k.suitable) = MAX(k.suitable)
),
chosen AS (
    SELECT product_id, suitable, source, observed_at FROM labelled WHERE package_type = ${package_type}
    UNION ALL
    SELECT product_id, suitable, 'propagated', observed_at FROM implied
)
SELECT c.product_id || '/' || ${package_type}, c.product_id, ${package_type}, t.version, c.suitable,
       -- Labels of products that are seldom tried count more, those of products that are often tried less.
       CASE WHEN c.source = 'propagated' THEN ${propagated_weight}
            WHEN p.propensity > 0 THEN LEAST(GREATEST(p.share / p.propensity, ${least_weight}), ${greatest_weight})
            ELSE 1.0
       END,
       c.source, c.observed_at, p.propensity
FROM chosen c
JOIN ${schema}.package_types t ON t.package_type = ${package_type}
LEFT JOIN fitting f ON f.product_id = c.product_id
LEFT JOIN shares p ON p.category = f.category AND p.band = f.band;
