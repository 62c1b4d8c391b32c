"""Chaos: seeded runs of the full cycle with faults at random points, and what must hold after each of them."""
