SELECT product_id,
       LISTAGG(package_type || ':' || NVL(CAST(suitability AS VARCHAR), '') || ':' || NVL(CAST(raw_score AS VARCHAR), ''),
               ' ') WITHIN GROUP (ORDER BY package_type) AS scores
FROM ${schema}.packaging_predictions
GROUP BY product_id
ORDER BY product_id
