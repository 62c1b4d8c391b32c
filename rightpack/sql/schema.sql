CREATE SCHEMA IF NOT EXISTS ${schema};

CREATE TABLE IF NOT EXISTS ${schema}.products (
    ${product_columns}
) DISTSTYLE KEY DISTKEY (product_id) SORTKEY (first_seen_at);

-- What products were until they changed; a product that never changed has no row here.
CREATE TABLE IF NOT EXISTS ${schema}.products_history (
    ${product_columns},
    valid_from TIMESTAMP,
    valid_to TIMESTAMP NOT NULL
) DISTSTYLE KEY DISTKEY (product_id) SORTKEY (valid_to);

CREATE TABLE IF NOT EXISTS ${schema}.packaging_feedback (
    feedback_id VARCHAR(64) NOT NULL,
    product_id VARCHAR(64) NOT NULL,
    package_type VARCHAR(41) NOT NULL,
    package_type_version INTEGER DEFAULT 1,
    source VARCHAR(24) NOT NULL,
    n_units INTEGER NOT NULL,
    n_bad INTEGER NOT NULL,
    observed_at TIMESTAMP NOT NULL,
    ingested_at TIMESTAMP NOT NULL
) DISTSTYLE KEY DISTKEY (product_id) SORTKEY (ingested_at);

CREATE TABLE IF NOT EXISTS ${schema}.packaging_labels (
    label_id VARCHAR(128) NOT NULL,
    product_id VARCHAR(64) NOT NULL,
    package_type VARCHAR(41) NOT NULL,
    package_type_version INTEGER DEFAULT 1,
    suitable SMALLINT NOT NULL,
    weight DOUBLE PRECISION NOT NULL,
    source VARCHAR(24) NOT NULL,
    observed_at TIMESTAMP NOT NULL,
    propensity DOUBLE PRECISION
) DISTSTYLE KEY DISTKEY (product_id) SORTKEY (package_type, observed_at);

CREATE TABLE IF NOT EXISTS ${schema}.packaging_predictions (
    product_id VARCHAR(64) NOT NULL,
    package_type VARCHAR(41) NOT NULL,
    suitability DOUBLE PRECISION NOT NULL,
    raw_score DOUBLE PRECISION NOT NULL,
    model_version VARCHAR(256) NOT NULL,
    run_id VARCHAR(64) NOT NULL,
    business_date DATE NOT NULL,
    scored_at TIMESTAMP NOT NULL
) DISTSTYLE KEY DISTKEY (product_id) SORTKEY (product_id);

CREATE TABLE IF NOT EXISTS ${schema}.packaging_recommendations (
    product_id VARCHAR(64) NOT NULL,
    package_type VARCHAR(41) NOT NULL,
    runner_up VARCHAR(41),
    previous_type VARCHAR(41),
    suitability DOUBLE PRECISION,
    est_damage DOUBLE PRECISION,
    est_cost DOUBLE PRECISION,
    est_grams DOUBLE PRECISION NOT NULL,
    rule VARCHAR(32) NOT NULL,
    reason VARCHAR(512) NOT NULL,
    run_id VARCHAR(64) NOT NULL,
    business_date DATE NOT NULL,
    decided_at TIMESTAMP NOT NULL
) DISTSTYLE KEY DISTKEY (product_id) SORTKEY (product_id);

-- What people decided by hand: force or forbid a type, or lift either again. Nothing is ever deleted.
CREATE TABLE IF NOT EXISTS ${schema}.packaging_overrides (
    product_id VARCHAR(64) NOT NULL,
    package_type VARCHAR(41) NOT NULL,
    kind VARCHAR(8) NOT NULL,
    why VARCHAR(256) NOT NULL,
    expires_on DATE,
    decided_by VARCHAR(256) NOT NULL,
    decided_at TIMESTAMP NOT NULL
) DISTSTYLE KEY DISTKEY (product_id) SORTKEY (product_id);

CREATE TABLE IF NOT EXISTS ${schema}.package_types (
    package_type VARCHAR(41) NOT NULL,
    version INTEGER NOT NULL,
    protection_rank SMALLINT NOT NULL,
    max_length_cm DOUBLE PRECISION NOT NULL,
    max_width_cm DOUBLE PRECISION NOT NULL,
    max_height_cm DOUBLE PRECISION NOT NULL,
    max_weight_g DOUBLE PRECISION NOT NULL,
    allows_liquid SMALLINT NOT NULL,
    trained SMALLINT NOT NULL,
    cushion_mm DOUBLE PRECISION NOT NULL,
    cost_fixed DOUBLE PRECISION NOT NULL,
    cost_per_dm2 DOUBLE PRECISION NOT NULL,
    grams_per_dm2 DOUBLE PRECISION NOT NULL
) DISTSTYLE ALL;

CREATE TABLE IF NOT EXISTS ${schema}.model_versions (
    package_type VARCHAR(41) NOT NULL,
    model_version VARCHAR(256) NOT NULL,
    approved_at TIMESTAMP NOT NULL,
    first_used_by VARCHAR(64) NOT NULL
) DISTSTYLE ALL;

CREATE TABLE IF NOT EXISTS ${schema}.load_audit (
    run_id VARCHAR(64) NOT NULL,
    business_date DATE NOT NULL,
    predictions BIGINT NOT NULL,
    recommendations BIGINT NOT NULL,
    predictions_changed BIGINT NOT NULL,
    recommendations_changed BIGINT NOT NULL,
    loaded_at TIMESTAMP NOT NULL
) DISTSTYLE ALL;

-- Every version of every product; the version of a moment is the one with the first valid_to after it, so that a product
-- seen later than the moment stands in with its first version.
CREATE OR REPLACE VIEW ${schema}.product_versions AS
SELECT ${product_names}, valid_to FROM ${schema}.products_history
UNION ALL
SELECT ${product_names}, CAST('9999-12-31' AS TIMESTAMP) AS valid_to FROM ${schema}.products;

CREATE OR REPLACE VIEW ${schema}.current_predictions AS
SELECT p.product_id, p.package_type, t.protection_rank, p.suitability, p.raw_score, p.model_version, p.run_id,
       p.business_date, p.scored_at
FROM ${schema}.packaging_predictions p
JOIN ${schema}.package_types t ON t.package_type = p.package_type;

CREATE OR REPLACE VIEW ${schema}.current_recommendations AS
SELECT r.product_id, r.package_type, t.protection_rank, r.runner_up, r.previous_type, r.suitability, r.est_damage,
       r.est_cost, r.est_grams, r.rule, r.reason, r.run_id, r.business_date, r.decided_at
FROM ${schema}.packaging_recommendations r
JOIN ${schema}.package_types t ON t.package_type = r.package_type;
