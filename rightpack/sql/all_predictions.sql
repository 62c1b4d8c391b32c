SELECT product_id, package_type, suitability, raw_score
FROM ${schema}.packaging_predictions
ORDER BY product_id, package_type
