"""A light lemmatiser for English product texts: plural nouns become singular, nothing is downloaded.

Only nouns: in a title "moisturising" and "lined" are what a product is like, and cutting them to verbs would lose that.
Words of other languages seldom end as English plurals do; those that do are at least always cut in the same way.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

IRREGULAR: Final = {
    "children": "child",
    "feet": "foot",
    "geese": "goose",
    "mice": "mouse",
    "men": "man",
    "people": "person",
    "teeth": "tooth",
    "women": "woman",
    "knives": "knife",
    "lives": "life",
    "wives": "wife",
    "leaves": "leaf",
    "loaves": "loaf",
    "scarves": "scarf",
    "shelves": "shelf",
    "halves": "half",
    "wolves": "wolf",
    "cookies": "cookie",
    "hoodies": "hoodie",
    "movies": "movie",
    "ties": "tie",
    "pies": "pie",
    "shoes": "shoe",
    "axes": "axe",
    "toes": "toe",
    "buses": "bus",
    "lenses": "lens",
    "canvases": "canvas",
}
# No plurals, though they end as one does.
SINGULAR: Final = frozenset(
    {
        "always",
        "bias",
        "bus",
        "canvas",
        "christmas",
        "clothes",
        "gas",
        "glasses",
        "jeans",
        "lens",
        "less",
        "news",
        "pants",
        "plus",
    }
    | {"scissors", "series", "shorts", "species", "thermos", "trousers", "this", "was", "yes", "us", "towards"}
)
SHORTEST: Final = 4
SIBILANTS: Final = ("sses", "shes", "ches", "xes")
KEEP: Final = ("ss", "us", "is", "ous")


@lru_cache(maxsize=100_000)
def lemma(word: str) -> str:
    """The singular of a lower-case word; itself where it is none or we cannot know."""
    if word in IRREGULAR:
        return IRREGULAR[word]
    if len(word) < SHORTEST or word in SINGULAR or not word.endswith("s") or word.endswith(KEEP):
        return word
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    if word.endswith(SIBILANTS):
        return word[:-2]
    if word.endswith("oes"):
        return word[:-2]
    return word[:-1]
