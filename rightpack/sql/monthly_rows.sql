SELECT p.product_id, ${columns}
FROM ${schema}.products p
WHERE p.is_active = 1 AND p.first_seen_at < DATEADD(day, 1, CAST(${as_of} AS DATE))
