"""Bad files of somebody's own, as `rightpack load products` and `rightpack load labels` get them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from functools import partial
from typing import Final

from tests.faults.inputs.bad import Bad, Entry, Files

MAPPING: Final = "mapping.toml"
PRODUCTS: Final = (
    "product_id,title,category,primary_pack,is_fragile,is_liquid,length_cm,width_cm,height_cm,weight_g,price"
)
LABELS: Final = "product_id,package_type,suitable,observed_at"
ROWS: Final = 12


def product(number: int, **changes: str) -> str:
    """A line of a sound file, with some fields changed."""
    sound = dict.fromkeys(PRODUCTS.split(","), "")
    sound |= {"product_id": f"own-{number}", "title": "Jug", "category": "kitchen", "primary_pack": "box"}
    sound |= {"is_fragile": "1", "is_liquid": "0", "length_cm": "20.5", "width_cm": "12", "height_cm": "9"}
    return ",".join({**sound, "weight_g": "640", "price": "14.9", **changes}.values())


def label(number: int, kind: str = "carton", day: str = "2026-11-20") -> str:
    """A line of a sound file of labels."""
    return f"own-{number},{kind},{number % 2},{day}"


def products(*more: str, head: str = PRODUCTS) -> bytes:
    """A file of sound products and `more` lines."""
    return "\n".join([head, *(product(i) for i in range(ROWS)), *more, ""]).encode()


def labels(*lines: str) -> bytes:
    """A file of labels."""
    return "\n".join([LABELS, *lines, ""]).encode()


def _whole(name: str, wrong: str, **files: bytes) -> Bad:
    return Bad(f"own-{name}", Entry.OWN, wrong, partial(_named, files))


def _rows(name: str, wrong: str, count: int, **files: bytes) -> Bad:
    return Bad(f"own-{name}", Entry.OWN, wrong, partial(_named, files), quarantined=count)


def _named(files: Files) -> Files:
    """Files by name; the keywords that brought them cannot have dots."""
    return {name.replace("__", "."): body for name, body in files.items()}


def bad_own_files() -> Iterator[Bad]:
    """All of them."""
    yield from _whole_files()
    numbers = (product(90 + i, length_cm=text) for i, text in enumerate(("abc", "1e999", "-5", "1_0")))
    days = (label(90, day=day) for day in ("2026-02-30", "soon", "9999-12-31T23:59:59-23:00"))
    torn = ("own-90,Jug", f"{product(91)},,")
    sound = (label(i) for i in range(ROWS))
    yield _rows("odd-numbers", "Some lengths are no numbers, infinite or below 0.", 4, products__csv=products(*numbers))
    yield _rows("torn-rows", "Some rows have too few or too many fields.", 2, products__csv=products(*torn))
    yield _rows("same-product", "One product is there twice.", 1, products__csv=products(product(3, price="1")))
    yield _rows(
        "impossible-days", "Some labels are of days that no calendar has.", 3, labels__csv=labels(*sound, *days)
    )


def _whole_files() -> Iterator[Bad]:
    latin = products(product(90, title="Krüge")).decode().encode("latin-1")
    many = (product(90 + i, length_cm="abc") for i in range(11))
    half, semicolons = gzip.compress(products(), mtime=0)[:120], products().replace(b",", b";")
    mapping = b'[columns]\ncategory = "categorie"\n'
    crates = labels(*(label(i, "crate") for i in range(5)))
    yield _whole("empty", "It is empty.", products__csv=b"")
    yield _whole("no-rows", "It is a header without rows.", products__csv=PRODUCTS.encode() + b"\n")
    yield _whole("doubled-column", "Two columns have one name.", products__csv=products(head=f"{PRODUCTS[:-5]}title"))
    yield _whole("no-key", "No column names the product.", products__csv=products(head=PRODUCTS.replace("_id", "")))
    yield _whole("other-delimiter", "Semicolons are between its fields; nothing says so.", products__csv=semicolons)
    yield _whole("latin-1", "Its text is Latin-1, and nothing says so.", products__csv=latin)
    yield _whole("torn-archive", "Half of a zipped file arrived.", products__csv__gz=half)
    yield _whole("spreadsheet", "It is a spreadsheet.", products__xlsx=b"PK\x03\x04 and so on")
    yield _whole(
        "mapping-in-vain", "The mapping names no column of it.", products__csv=products(), mapping__toml=mapping
    )
    yield _whole("many-odd-numbers", "More of its rows than may be cannot be used.", products__csv=products(*many))
    yield _whole("unknown-types", "No label is of a known package type.", labels__csv=crates)
