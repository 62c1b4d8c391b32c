"""Fuzzing: whatever comes in by a door is taken or refused in words, never a traceback and never without end."""
