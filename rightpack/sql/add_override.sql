INSERT INTO ${schema}.packaging_overrides
    (product_id, package_type, kind, why, expires_on, decided_by, decided_at)
SELECT product_id, ${package_type}, ${kind}, ${why}, CAST(${expires_on} AS DATE), ${decided_by}, GETDATE()
FROM ${schema}.products
WHERE product_id = ${product_id}
