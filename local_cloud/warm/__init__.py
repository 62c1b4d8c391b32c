"""Warm starts: programs forked from a process that has imported what takes long, each a process of its own."""
