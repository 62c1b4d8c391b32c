"""State that survives a restart: everything in memory, written whole to a folder of the user's, and read back."""
