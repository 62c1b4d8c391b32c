"""What stands between a drop and the models: nothing half-loads, and whatever is refused says why and is kept."""
