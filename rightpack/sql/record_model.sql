INSERT INTO ${schema}.model_versions (package_type, model_version, approved_at, first_used_by)
SELECT ${package_type}, ${model_version}, CAST(${approved_at} AS TIMESTAMP), ${run_id}
WHERE NOT EXISTS (SELECT 1 FROM ${schema}.model_versions WHERE model_version = ${model_version});
