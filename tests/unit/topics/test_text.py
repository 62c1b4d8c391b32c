from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processing.topics.lemmas import lemma
from processing.topics.text import clean, clean_all


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Kestrel Glazed Mugs, Set of 2", "kestrel glazed mug set"),
        ("See https://shop.example/a?b=1 or www.example.com now", "see now"),
        ("Mail sales+eu@example.co.uk today", "mail today"),
        ("<b>Soft</b> &amp; warm {{brand}} ${name} %(x)s [[y]] Towel", "soft warm towel"),
        ("FREE SHIPPING! Brand new mug - buy now, satisfaction guaranteed", "mug"),
        ("Mug, SKU: AB-12345, Model No: 77", "mug"),
        ("It doesn't break; can't leak, won't rust; men's", "break leak rust man"),
        ("Shampoo 500ml 2 x 300 ml 4K 12345", "shampoo ml ml 4k"),
        ("Café crème – Gläser", "café crème gläser"),
        ("", ""),
        (None, ""),
        ("12 34 !!", ""),
    ],
)
def test_only_words_that_say_what_a_product_is_are_left(text: str | None, left: str) -> None:
    assert clean(text) == left


@pytest.mark.parametrize(
    ("plural", "singular"),
    [("mugs", "mug"), ("boxes", "box"), ("dresses", "dress"), ("batteries", "battery"), ("knives", "knife")]
    + [("sizes", "size"), ("potatoes", "potato"), ("shoes", "shoe"), ("children", "child"), ("vases", "vase")]
    + [(word, word) for word in ("glass", "jeans", "bus", "tennis", "lens", "moisturising", "lined", "gas", "4k")],
)
def test_plural_nouns_become_singular_and_nothing_else_changes(plural: str, singular: str) -> None:
    assert lemma(plural) == singular


@given(st.text(alphabet="abeinosxyzhc", min_size=1, max_size=9))
def test_a_lemma_is_its_own_lemma(word: str) -> None:
    assert lemma(lemma(word)) == lemma(word)


@given(st.text(max_size=60))
def test_any_text_can_be_cleaned_to_single_spaces(text: str) -> None:
    assert clean(text) == " ".join(clean(text).split())


def test_a_column_is_cleaned_row_by_row_and_a_missing_text_is_empty() -> None:
    assert clean_all(pa.array(["Mugs", None, "Mugs", "1"])).to_pylist() == ["mug", "", "mug", ""]


def test_a_column_without_rows_stays_one() -> None:
    assert clean_all(pa.array([], pa.string())).to_pylist() == []
