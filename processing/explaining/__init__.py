"""Why a model scores as it does: what each feature contributes to the raw score, overall and for single products."""
