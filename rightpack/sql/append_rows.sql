COPY ${schema}.${table} (${columns}) FROM ${manifest} IAM_ROLE ${role} FORMAT AS PARQUET MANIFEST;
