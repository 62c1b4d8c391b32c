"""The inference pipeline: one execution per business date, all package types in one pass."""
