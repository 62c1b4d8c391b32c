"""Texts as topics need them: without markup, links, boilerplate or bare numbers; contractions spelt out; lemmas."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Final

import pyarrow as pa

from processing.topics.lemmas import lemma

TAG: Final = re.compile(r"<[^<>]{0,200}>")
TEMPLATE: Final = re.compile(r"\{\{[^{}]*\}\}|\$\{[^{}]*\}|\{%[^{}]*%\}|\[\[[^\[\]]*\]\]|%\([^()]*\)s|\{[\w. ]*\}")
URL: Final = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
BOILERPLATE: Final = re.compile(
    r"\b(?:free (?:shipping|delivery|returns?)|fast (?:shipping|delivery)|brand new|best ?seller|as seen on tv"
    r"|click here|add to (?:cart|basket)|buy now|limited (?:time )?offer|satisfaction guaranteed?"
    r"|money[- ]back guarantee|order today|in stock|out of stock|on sale|special offer"
    r"|(?:sku|item|model|art|article|ref|asin|ean|upc)[ .]*(?:no|nr|number)?[ .]*[:#] *[\w-]+)",
    re.IGNORECASE,
)
IRREGULAR_CONTRACTIONS: Final = {"can't": "can not", "won't": "will not", "shan't": "shall not", "let's": "let us"}
CONTRACTIONS: Final = (
    ("n't", " not"),
    ("'re", " are"),
    ("'ve", " have"),
    ("'ll", " will"),
    ("'m", " am"),
    ("'d", " would"),
)
SHORT_WORD: Final = re.compile(r"\b[a-z]+'[a-z]+\b")
POSSESSIVE: Final = frozenset({"it's", "that's", "there's", "what's", "who's", "here's", "he's", "she's"})
WORD: Final = re.compile(r"[^\W_]+")
MEASURE: Final = re.compile(r"(?<![^\W_])(\d+)([a-z]{1,2}|inch)(?![^\W_])")  # 500ml as 500 ml; but 4k, 2x and mp3 below
NO_MEASURE: Final = frozenset({"k", "g", "x", "d"})  # 4K and 3D say what a product is; a lone letter says nothing
STOP: Final = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "can",
        "do",
        "for",
        "from",
        "has",
        "have",
        "if",
        "in",
        "is",
        "it",
        "its",
        "no",
        "not",
        "of",
        "on",
        "or",
        "so",
        "that",
        "the",
        "their",
        "this",
        "to",
        "up",
        "us",
        "was",
        "we",
        "will",
        "with",
        "would",
        "you",
        "your",
        "am",
    ]
)


def clean(text: str | None) -> str:
    """The words that count, lower-case, with single spaces between; empty where nothing is left.

    Cleaning a clean text changes nothing.
    """
    if not text:
        return ""
    plain = unicodedata.normalize("NFKC", html.unescape(text)).replace("’", "'").lower()
    for noise in (TAG, TEMPLATE, URL, EMAIL, BOILERPLATE):
        plain = noise.sub(" ", plain)
    plain = SHORT_WORD.sub(lambda found: _spelt_out(found[0]), plain)
    plain = MEASURE.sub(_apart, plain)
    words = (lemma(word) for word in WORD.findall(plain))
    return " ".join(word for word in words if _counts(word))


def clean_all(texts: pa.Array) -> pa.Array:
    """Clean every text of a column."""
    distinct = texts.dictionary_encode()
    cleaned = pa.array([clean(text) for text in distinct.dictionary.to_pylist()], pa.string())
    return cleaned.take(distinct.indices).fill_null("")


def _spelt_out(word: str) -> str:
    if word in IRREGULAR_CONTRACTIONS:
        return IRREGULAR_CONTRACTIONS[word]
    for ending, meaning in CONTRACTIONS:
        if word.endswith(ending):
            return word.removesuffix(ending) + meaning
    if word.endswith("'s"):
        return word.removesuffix("'s") + (" is" if word in POSSESSIVE else "")
    return word.replace("'", " ")


def _apart(found: re.Match[str]) -> str:
    return found[0] if found[2] in NO_MEASURE else f"{found[1]} {found[2]}"


def _counts(word: str) -> bool:
    return len(word) > 1 and not word.isdigit() and word not in STOP
