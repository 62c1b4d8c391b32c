SELECT p.product_id, ${columns}
FROM ${schema}.products p
LEFT JOIN ${schema}.packaging_recommendations r ON r.product_id = p.product_id
WHERE p.is_active = 1 AND p.first_seen_at < DATEADD(day, 1, CAST(${as_of} AS DATE)) AND r.product_id IS NULL
