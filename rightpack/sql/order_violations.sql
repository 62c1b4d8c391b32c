SELECT COUNT(*) AS order_violations
FROM (
    SELECT suitability, LAG(suitability) OVER (PARTITION BY product_id ORDER BY protection_rank) AS weaker
    FROM ${schema}.current_predictions
) ranked
WHERE suitability < weaker
