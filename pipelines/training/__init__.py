"""The training pipeline: one execution per package type and week."""
