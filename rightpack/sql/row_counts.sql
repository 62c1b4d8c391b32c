SELECT (SELECT COUNT(*) FROM ${schema}.products) AS products,
       (SELECT COUNT(*) FROM ${schema}.current_predictions) AS predictions,
       (SELECT COUNT(*) FROM ${schema}.current_recommendations) AS recommendations,
       (SELECT COUNT(*) FROM ${schema}.load_audit) AS audited_runs
