"""Hyperparameter tuning jobs: many training jobs, each with other hyperparameters, and the best of them."""
