"""E-mail subscriptions of SNS topics end as readable files: `mail/0001-the-subject.txt`."""

from __future__ import annotations

import itertools
import json
import re
import threading
from pathlib import Path

_NAME_LIMIT = 60


class Mailbox:
    """Writes one file per mail, numbered in order of arrival; a folder that is used again is counted on."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, threading.Lock()
        former = [int(mail.name.partition("-")[0]) for mail in folder.glob("[0-9]*-*.txt")]
        self._numbers = itertools.count(1 + max(former, default=0))

    def deliver(self, address: str, topic: str, subject: str | None, body: str) -> Path:
        """Write a mail; a JSON body is laid out to be read."""
        title = subject or "AWS Notification Message"
        slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:_NAME_LIMIT]
        with self._lock:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{next(self._numbers):04d}-{slug}.txt"
            path.write_text(f"To: {address}\nFrom: {topic}\nSubject: {title}\n\n{_laid_out(body)}\n")
        return path


def _laid_out(body: str) -> str:
    try:
        document = json.loads(body)
    except ValueError:
        return body
    return json.dumps(document, indent=2, ensure_ascii=False) if isinstance(document, dict | list) else body
