"""Speed, as ratios to peers within one run: `make bench`."""
