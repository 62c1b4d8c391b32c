"""Faults on demand: what goes wrong in an account, said in advance, struck at a known point and counted."""
