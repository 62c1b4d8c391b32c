"""Random streams and identifiers that depend on what they are for, never on what was generated before."""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
import pyarrow as pa

from processing.generator.arrays import Identities

ALPHABET: Final = np.frombuffer(b"0123456789abcdefghjkmnpqrstvwxyz", dtype=np.uint8)
CHARACTERS: Final = 12
BITS: Final = 5 * CHARACTERS
MASK: Final = np.uint64(2**BITS - 1)
KEY_BITS: Final = 16


def stream(seed: int, *purpose: str | int) -> np.random.Generator:
    """Random numbers of their own for every seed and purpose, e.g. `stream(7, "latents", cohort, number)`."""
    digest = hashlib.blake2b(repr((seed, *purpose)).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))


def product_ids(seed: int, index: Identities) -> pa.Array:
    """Ids of the products with these running numbers: unique, and without any visible order."""
    return _texts(b"p", _scramble(index, seed))


def event_ids(seed: int, index: Identities, key: Identities) -> pa.Array:
    """Ids of feedback events: one per product and `key` (below 2**16, it tells the events of a product apart)."""
    return _texts(b"f", _scramble((index << np.uint64(KEY_BITS)) | key, seed))


def _scramble(values: Identities, seed: int) -> Identities:
    """Permute the numbers below 2**60: every step can be undone, so different numbers stay different."""
    salt = int.from_bytes(hashlib.blake2b(str(seed).encode(), digest_size=8).digest(), "big")
    mixed = (values ^ np.uint64(salt)) & MASK
    for factor in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9):
        mixed = (mixed * np.uint64(factor)) & MASK
        mixed ^= mixed >> np.uint64(BITS // 2)
    return mixed


def _texts(prefix: bytes, values: Identities) -> pa.Array:
    """Write numbers in base 32 behind a prefix, straight into the memory of a string array."""
    width = CHARACTERS + 1
    letters = np.empty((len(values), width), dtype=np.uint8)
    letters[:, 0] = prefix[0]
    for place in range(CHARACTERS):
        letters[:, width - 1 - place] = ALPHABET[(values >> np.uint64(5 * place)) & np.uint64(31)]
    offsets = np.arange(0, width * (len(values) + 1), width, dtype=np.int32)
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(letters))
