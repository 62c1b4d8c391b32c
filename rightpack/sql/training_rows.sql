SELECT l.label_id, l.product_id, l.suitable, l.weight, l.observed_at,
       e.earlier_units, e.earlier_bad, e.recent_units, e.recent_bad, ${columns}
FROM ${schema}.packaging_labels l
JOIN ${schema}.package_types t
  ON t.package_type = l.package_type AND t.version = NVL(l.package_type_version, 1)
JOIN (
    -- Products as they were when the label was observed, not as they are now.
    SELECT d.label_id AS dated_label, ${version_columns},
           ROW_NUMBER() OVER (PARTITION BY d.label_id ORDER BY v.valid_to) AS nth_version
    FROM ${schema}.packaging_labels d
    JOIN ${schema}.product_versions v ON v.product_id = d.product_id AND v.valid_to > d.observed_at
    WHERE d.package_type = ${package_type}
) p ON p.dated_label = l.label_id AND p.nth_version = 1
LEFT JOIN (
    -- What customers reported lately and before: labels change too slowly to tell that a package type has changed.
    SELECT product_id,
           SUM(CASE WHEN late = 0 THEN n_units ELSE 0 END) AS earlier_units,
           SUM(CASE WHEN late = 0 THEN n_bad ELSE 0 END) AS earlier_bad,
           SUM(CASE WHEN late = 1 THEN n_units ELSE 0 END) AS recent_units,
           SUM(CASE WHEN late = 1 THEN n_bad ELSE 0 END) AS recent_bad
    FROM (
        SELECT r.product_id, r.n_units, r.n_bad,
               CASE WHEN r.observed_at >= DATEADD(day, 1 - ${recent_days}, CAST(${as_of} AS DATE)) THEN 1 ELSE 0 END
                   AS late
        FROM (
${received}
        ) r
        JOIN ${schema}.package_types made ON made.package_type = ${package_type} AND made.version = r.version
        WHERE r.place = 1 AND r.kind NOT IN ('lab_test', 'andon')
    ) shipments
    GROUP BY product_id
) e ON e.product_id = l.product_id
WHERE l.package_type = ${package_type} AND l.observed_at < DATEADD(day, 1, CAST(${as_of} AS DATE))
