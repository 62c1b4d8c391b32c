"""Measurements that take longer than a test, or need data that is not in the project: `python -m benchmarks.<name>`."""
