-- A duplicated or corrected event keeps its id: what was ingested last counts. A retraction stays the kind of event
-- that it corrects.
SELECT product_id, package_type, NVL(package_type_version, 1) AS version, n_units, n_bad, observed_at, ingested_at,
       NVL(FIRST_VALUE(CASE WHEN source <> 'retraction' THEN source END) IGNORE NULLS OVER
               (PARTITION BY feedback_id ORDER BY ingested_at DESC, n_bad, n_units
                ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), source) AS kind,
       ROW_NUMBER() OVER (PARTITION BY feedback_id ORDER BY ingested_at DESC, n_bad, n_units) AS place
FROM ${schema}.packaging_feedback
WHERE ingested_at < DATEADD(day, 1, CAST(${as_of} AS DATE))
  AND observed_at < DATEADD(day, 1, CAST(${as_of} AS DATE))${condition}
