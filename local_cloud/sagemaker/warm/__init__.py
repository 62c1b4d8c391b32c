"""Warm starts: the image's programs forked from a process that has imported everything already."""
