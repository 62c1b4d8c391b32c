"""Permissions: what a call needs, what policies say to it, and a record of both."""
