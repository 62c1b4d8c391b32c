SELECT p.product_id, ${columns}, r.package_type AS previous_type, o.overrides
FROM ${schema}.products p
LEFT JOIN ${schema}.packaging_recommendations r ON r.product_id = p.product_id
LEFT JOIN (
    -- The last word on a product and type counts, until it expires.
    SELECT product_id, MAX(decided_at) AS decided_at,
           LISTAGG(kind || '|' || package_type || '|' || NVL(CAST(expires_on AS VARCHAR), '') || '|' || why, CHR(10))
               WITHIN GROUP (ORDER BY decided_at, package_type) AS overrides
    FROM (
        SELECT product_id, package_type, kind, why, expires_on, decided_at,
               ROW_NUMBER() OVER (PARTITION BY product_id, package_type ORDER BY decided_at DESC, kind) AS newest
        FROM ${schema}.packaging_overrides
    ) said
    WHERE newest = 1 AND kind <> 'lift' AND (expires_on IS NULL OR expires_on >= CAST(${as_of} AS DATE))
    GROUP BY product_id
) o ON o.product_id = p.product_id
WHERE p.is_active = 1 AND p.first_seen_at < DATEADD(day, 1, CAST(${as_of} AS DATE))${condition}
