SELECT l.label_id, l.product_id, l.suitable, l.weight, l.observed_at, ${columns}
FROM ${schema}.packaging_labels l
JOIN ${schema}.products p ON p.product_id = l.product_id
WHERE l.package_type = ${package_type} AND l.observed_at < DATEADD(day, 1, CAST(${as_of} AS DATE))
