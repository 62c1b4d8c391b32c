"""What happens inside a job; one module = one step = `python -m processing.<step>`."""
