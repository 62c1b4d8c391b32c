"""The two stacks of a stage. They know each other by names only, so either can be deployed without the other."""
