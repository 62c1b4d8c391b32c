-- A product that comes back with other values closes its old version at the moment of the change. Values that are not
-- newer correct the version that is there, and of one load only the last row of a product counts.
INSERT INTO ${schema}.products_history (${columns}, valid_from, valid_to)
SELECT ${old_columns}, NVL(p.updated_at, p.first_seen_at), s.updated_at
FROM ${schema}.products p
JOIN (SELECT *, ROW_NUMBER() OVER (PARTITION BY product_id ORDER BY updated_at DESC) AS place FROM stage_rows) s
  ON s.product_id = p.product_id AND s.place = 1
WHERE s.updated_at > NVL(p.updated_at, p.first_seen_at)
  AND CASE WHEN ${same} THEN 0 ELSE 1 END = 1;
