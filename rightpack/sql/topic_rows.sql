SELECT p.product_id, p.${text}
FROM ${schema}.products p
WHERE p.${text} IS NOT NULL AND p.first_seen_at < DATEADD(day, 1, CAST(${as_of} AS DATE))
