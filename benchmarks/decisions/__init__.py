"""What decisions are worth on the generator's truth: `python -m benchmarks.decisions`."""
