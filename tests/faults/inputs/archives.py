"""Bad model archives."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from tests.faults.inputs.bad import Bad, Entry, Files

ARCHIVE: Final = "model.tar.gz"
TYPE: Final = "padded-mailer"
MODEL: Final = b"tree\n"


def card(**changes: Any) -> bytes:
    """A sound model card."""
    sound = {
        "package_type": TYPE, "architecture": "lightgbm", "parameters": {}, "seed": 7, "rows": 10, "positives": 4,
        "settings_digest": "0", "libraries": {}, "tuning": {}, "source": "", "complete": True, "label_share": 0.4,
        "files": {"model.txt": hashlib.sha256(MODEL).hexdigest()},
    }  # fmt: skip
    return json.dumps({**sound, **changes}).encode()


def members(**changes: bytes | None) -> dict[str, bytes]:
    """Files of a sound archive; `card`, `index` and `model` may be changed."""
    index = {"version": 1, "models": [{"package_type": TYPE, "directory": TYPE, "architecture": "lightgbm"}]}
    return {
        "bundle.json": changes.get("index") or json.dumps(index).encode(),
        f"{TYPE}/model.txt": changes.get("model") or MODEL,
        f"{TYPE}/card.json": changes.get("card") or card(),
    }


def packed(files: dict[str, bytes], *more: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A tar.gz whose bytes depend on its members alone."""
    sink = io.BytesIO()
    with (
        gzip.GzipFile(filename="", fileobj=sink, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as archive,
    ):
        for member, content in [*((tarfile.TarInfo(n), c) for n, c in files.items()), *more]:
            member.size = len(content) if member.isfile() else 0
            archive.addfile(member, io.BytesIO(content))
    return sink.getvalue()


def _link(kind: bytes, name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made, b""


def _named(name: str, content: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), content


def bad_archives() -> Iterator[Bad]:
    """All of them."""
    sound = members()
    made: dict[str, tuple[str, Callable[[], bytes]]] = {
        "pickle": ("It holds a pickle.", partial(packed, sound, _named(f"{TYPE}/model.pkl", b"\x80\x04."))),
        "climbing-member": ("A member climbs out.", partial(packed, sound, _named("../settings.json"))),
        "absolute-member": ("A member's path is absolute.", partial(packed, sound, _named("/etc/motd.txt"))),
        "linked-member": (
            "A member is a link.",
            partial(packed, sound, _link(tarfile.SYMTYPE, "a.txt", "/etc/passwd")),
        ),
        "doubled-member": ("A member is there twice.", partial(packed, sound, _named(f"{TYPE}/model.txt"))),
        "torn-archive": ("Half of it was uploaded.", lambda: packed(sound)[:200]),
        "other-model": (
            "The model is not the one that the card was written for.",
            lambda: packed(members(model=b"leaf")),
        ),
        "unfinished-model": ("Its training did not end.", lambda: packed(members(card=card(complete=False)))),
        "other-type": ("It is the model of another type.", lambda: packed(members(index=_index("carton")))),
        "escaping-index": ("Its index names a folder outside.", lambda: packed(members(index=_index(TYPE, "../x")))),
    }
    for name, (wrong, make) in made.items():
        yield Bad(name, Entry.MODEL, wrong, partial(_file, make))


def _file(make: Callable[[], bytes]) -> Files:
    return {ARCHIVE: make()}


def _index(package_type: str, directory: str = TYPE) -> bytes:
    models = [{"package_type": package_type, "directory": directory, "architecture": "lightgbm"}]
    return json.dumps({"version": 1, "models": models}).encode()
