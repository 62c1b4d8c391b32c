"""Scoring: bundles of models, and the exact evaluation of their trees."""
