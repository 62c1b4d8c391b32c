"""Inputs that must not get in: a table of them, the files, and what a person is told of each."""
