"""Tuning against the defaults, on real tuning jobs of the embedded cloud: `python -m benchmarks.tuning`."""
