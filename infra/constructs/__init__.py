"""The pieces of the stacks, each named after what it is."""
