"""The commands. This room alone may import heavy libraries, and nobody imports it."""
