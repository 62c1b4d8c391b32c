LOCK ${schema}.load_audit;

SELECT CAST(CASE WHEN COUNT(*) = 0 THEN '1' ELSE 'already_loaded' END AS INTEGER) AS guard
FROM ${schema}.load_audit WHERE run_id = ${run_id};

-- Staged rows lie on the slice and in the order of the rows that they replace: no join below sends any row to another one.
CREATE TEMP TABLE stage_predictions (
    product_id VARCHAR(64) NOT NULL,
    package_type VARCHAR(41) NOT NULL,
    suitability DOUBLE PRECISION NOT NULL,
    raw_score DOUBLE PRECISION NOT NULL,
    model_version VARCHAR(256) NOT NULL
) DISTSTYLE KEY DISTKEY (product_id) SORTKEY (product_id);

COPY stage_predictions FROM ${predictions_manifest} IAM_ROLE ${role} FORMAT AS PARQUET MANIFEST;

SELECT CAST(CASE WHEN COUNT(*) = ${predictions} AND COUNT(DISTINCT product_id || '/' || package_type) = ${predictions}
            THEN '1' ELSE 'predictions_mismatch' END AS INTEGER) AS guard
FROM stage_predictions;

-- NaN is not between any two numbers, here and in Redshift. The first row that cannot be is named in the error.
SELECT CAST(CASE WHEN COUNT(*) = 0 THEN '1'
            ELSE 'predictions_unusable: ' || MIN(product_id || ' in ' || package_type) || ', rows: ' || COUNT(*)
            END AS INTEGER) AS guard
FROM stage_predictions
WHERE NOT (suitability BETWEEN 0 AND 1) OR NOT (raw_score BETWEEN -1e300 AND 1e300);

CREATE TEMP TABLE stage_recommendations (
    product_id VARCHAR(64) NOT NULL,
    package_type VARCHAR(41) NOT NULL,
    runner_up VARCHAR(41),
    previous_type VARCHAR(41),
    suitability DOUBLE PRECISION,
    est_damage DOUBLE PRECISION,
    est_cost DOUBLE PRECISION,
    est_grams DOUBLE PRECISION NOT NULL,
    rule VARCHAR(32) NOT NULL,
    reason VARCHAR(512) NOT NULL
) DISTSTYLE KEY DISTKEY (product_id) SORTKEY (product_id);

COPY stage_recommendations FROM ${recommendations_manifest} IAM_ROLE ${role} FORMAT AS PARQUET MANIFEST;

SELECT CAST(CASE WHEN COUNT(*) = ${recommendations} AND COUNT(DISTINCT product_id) = ${recommendations}
            THEN '1' ELSE 'recommendations_mismatch' END AS INTEGER) AS guard
FROM stage_recommendations;

SELECT CAST(CASE WHEN COUNT(*) = 0 THEN '1'
            ELSE 'recommendations_unusable: ' || MIN(product_id || ' in ' || package_type) || ', rows: ' || COUNT(*)
            END AS INTEGER) AS guard
FROM stage_recommendations
WHERE NOT (suitability BETWEEN 0 AND 1)
   OR NOT (est_damage BETWEEN -1e300 AND 1e300)
   OR NOT (est_cost BETWEEN -1e300 AND 1e300)
   OR NOT (est_grams BETWEEN -1e300 AND 1e300);

-- What a newer run wrote stays, and what is there already is not written again.
DELETE FROM stage_predictions
USING ${schema}.packaging_predictions t
WHERE stage_predictions.product_id = t.product_id
  AND stage_predictions.package_type = t.package_type
  AND (t.business_date > CAST(${business_date} AS DATE)
       OR (t.business_date = CAST(${business_date} AS DATE)
           AND t.suitability = stage_predictions.suitability
           AND t.raw_score = stage_predictions.raw_score
           AND t.model_version = stage_predictions.model_version));

DELETE FROM stage_recommendations
USING ${schema}.packaging_recommendations t
WHERE stage_recommendations.product_id = t.product_id
  AND (t.business_date > CAST(${business_date} AS DATE)
       OR (t.business_date = CAST(${business_date} AS DATE)
           AND t.package_type = stage_recommendations.package_type
           AND NVL(t.runner_up, '') = NVL(stage_recommendations.runner_up, '')
           AND NVL(t.previous_type, '') = NVL(stage_recommendations.previous_type, '')
           AND NVL(t.suitability, -1) = NVL(stage_recommendations.suitability, -1)
           AND NVL(t.est_damage, -1) = NVL(stage_recommendations.est_damage, -1)
           AND NVL(t.est_cost, -1) = NVL(stage_recommendations.est_cost, -1)
           AND t.est_grams = stage_recommendations.est_grams
           AND t.rule = stage_recommendations.rule
           AND t.reason = stage_recommendations.reason));

MERGE INTO ${schema}.packaging_predictions
USING stage_predictions s
ON packaging_predictions.product_id = s.product_id AND packaging_predictions.package_type = s.package_type
WHEN MATCHED THEN UPDATE SET
    suitability = s.suitability, raw_score = s.raw_score, model_version = s.model_version,
    run_id = ${run_id}, business_date = CAST(${business_date} AS DATE), scored_at = GETDATE()
WHEN NOT MATCHED THEN INSERT
    (product_id, package_type, suitability, raw_score, model_version, run_id, business_date, scored_at)
    VALUES (s.product_id, s.package_type, s.suitability, s.raw_score, s.model_version, ${run_id},
            CAST(${business_date} AS DATE), GETDATE());

MERGE INTO ${schema}.packaging_recommendations
USING stage_recommendations s
ON packaging_recommendations.product_id = s.product_id
WHEN MATCHED THEN UPDATE SET
    package_type = s.package_type, runner_up = s.runner_up, previous_type = s.previous_type,
    suitability = s.suitability, est_damage = s.est_damage, est_cost = s.est_cost, est_grams = s.est_grams, rule = s.rule, reason = s.reason, run_id = ${run_id},
    business_date = CAST(${business_date} AS DATE), decided_at = GETDATE()
WHEN NOT MATCHED THEN INSERT
    (product_id, package_type, runner_up, previous_type, suitability, est_damage, est_cost, est_grams, rule, reason,
     run_id, business_date, decided_at)
    VALUES (s.product_id, s.package_type, s.runner_up, s.previous_type, s.suitability, s.est_damage, s.est_cost,
            s.est_grams, s.rule, s.reason, ${run_id}, CAST(${business_date} AS DATE), GETDATE());

SELECT CAST(CASE WHEN COUNT(*) = 0 THEN '1' ELSE 'merge_incomplete' END AS INTEGER) AS guard
FROM stage_predictions s
LEFT JOIN ${schema}.packaging_predictions t
       ON t.product_id = s.product_id AND t.package_type = s.package_type AND t.run_id = ${run_id}
WHERE t.product_id IS NULL;

SELECT CAST(CASE WHEN COUNT(*) = 0 THEN '1' ELSE 'merge_incomplete' END AS INTEGER) AS guard
FROM stage_recommendations s
LEFT JOIN ${schema}.packaging_recommendations t ON t.product_id = s.product_id AND t.run_id = ${run_id}
WHERE t.product_id IS NULL;

INSERT INTO ${schema}.load_audit
    (run_id, business_date, predictions, recommendations, predictions_changed, recommendations_changed, loaded_at)
SELECT ${run_id}, CAST(${business_date} AS DATE), ${predictions}, ${recommendations},
       (SELECT COUNT(*) FROM stage_predictions), (SELECT COUNT(*) FROM stage_recommendations), GETDATE();
