"""The doctor: what a stage needs before its first run, checked in the account, each cause with its fix.

It changes nothing but one query in the warehouse. A check that the caller may not make says so and does not count as
broken.
"""
