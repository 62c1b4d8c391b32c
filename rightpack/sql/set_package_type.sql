DELETE FROM ${schema}.package_types WHERE package_type = ${package_type};

INSERT INTO ${schema}.package_types
    (package_type, protection_rank, trained, cushion_mm, cost_fixed, cost_per_dm2, grams_per_dm2)
VALUES (${package_type}, ${rank}, ${trained}, ${cushion_mm}, ${cost_fixed}, ${cost_per_dm2}, ${grams_per_dm2});
