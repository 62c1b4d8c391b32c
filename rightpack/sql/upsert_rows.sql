LOCK ${schema}.${table};

CREATE TEMP TABLE stage_rows (LIKE ${schema}.${table});

COPY stage_rows (${columns}) FROM ${manifest} IAM_ROLE ${role} FORMAT AS PARQUET MANIFEST;

${history}DELETE FROM ${schema}.${table} USING stage_rows WHERE ${table}.${key} = stage_rows.${key};

-- A key that comes twice in one load counts once, as it was last seen.
INSERT INTO ${schema}.${table} (${columns})
SELECT ${columns}
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY ${key} ORDER BY ${newest} DESC) AS place FROM stage_rows) ranked
WHERE place = 1;
