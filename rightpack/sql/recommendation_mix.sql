SELECT package_type, COUNT(*) AS products, AVG(suitability) AS mean_suitability, AVG(est_cost) AS mean_cost
FROM ${schema}.current_recommendations
GROUP BY package_type, protection_rank
ORDER BY protection_rank
