SELECT * FROM ${schema}.load_audit WHERE run_id = ${run_id}
