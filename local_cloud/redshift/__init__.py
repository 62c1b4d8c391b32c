"""Redshift for the local cloud: the Data API and a minimal Redshift Serverless; the SQL really runs, on DuckDB."""
