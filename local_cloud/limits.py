"""Limits of the process."""

from __future__ import annotations

import logging

LOG = logging.getLogger(__name__)
_ENOUGH = 65_536


def raise_file_limit() -> None:
    """Allow many open files: every stored object of more than a few megabytes is one."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(_ENOUGH, hard)
    if soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError) as error:  # macOS has a limit below the one it tells
            LOG.warning("only %d files can be open at once: %s", soft, error)
