DELETE FROM ${schema}.package_types WHERE package_type = ${package_type};

INSERT INTO ${schema}.package_types
    (package_type, version, protection_rank, max_length_cm, max_width_cm, max_height_cm, max_weight_g, allows_liquid,
     trained, cushion_mm, cost_fixed, cost_per_dm2, grams_per_dm2)
VALUES (${package_type}, ${version}, ${rank}, ${max_length_cm}, ${max_width_cm}, ${max_height_cm}, ${max_weight_g},
        ${allows_liquid}, ${trained}, ${cushion_mm}, ${cost_fixed}, ${cost_per_dm2}, ${grams_per_dm2});
