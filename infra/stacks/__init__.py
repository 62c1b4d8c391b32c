"""The four stacks of a stage. They know each other by names only, so each can be deployed again by itself."""
