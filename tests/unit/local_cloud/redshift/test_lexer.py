from __future__ import annotations

import pytest

from local_cloud.redshift.errors import SqlError
from local_cloud.redshift.lexer import Kind, quote_name, quote_text, redshift_text, statements, tokens


def kinds(sql: str) -> list[tuple[Kind, str]]:
    return [(token.kind, token.value) for token in tokens(sql)]


def test_comments_and_blanks_are_no_tokens() -> None:
    assert kinds("a -- b\n /* c\n d */ e") == [(Kind.WORD, "a"), (Kind.WORD, "e")]


def test_strings_and_names_lose_their_quotes_and_escapes() -> None:
    assert kinds(r"""'it''s' 'a\'b' "a""b" $$x'y$$ $t$z$t$""") == [
        (Kind.TEXT, "it's"),
        (Kind.TEXT, "a'b"),
        (Kind.NAME, 'a"b'),
        (Kind.DOLLAR, "x'y"),
        (Kind.DOLLAR, "z"),
    ]


def test_offsets_point_into_the_source() -> None:
    sql = "SELECT  'a;b' ::text"
    assert [sql[token.start : token.end] for token in tokens(sql)] == ["SELECT", "'a;b'", "::", "text"]


def test_only_words_and_signs_are_keywords() -> None:
    assert [token.keyword for token in tokens("select \"select\" 'select' 1 (")] == ["SELECT", "", "", "", "("]


@pytest.mark.parametrize("sql", ["SELECT 'abc", 'SELECT "abc', "SELECT 'a\\'"])
def test_a_string_without_an_end_is_an_error(sql: str) -> None:
    with pytest.raises(SqlError, match="unterminated quoted string"):
        tokens(sql)


def test_statements_are_split_at_semicolons_outside_of_strings() -> None:
    assert statements("SELECT ';' ; -- none ;\n ; SELECT 2;") == ["SELECT ';'", "SELECT 2"]
    assert statements(" ; ") == []


def test_quoting_survives_reading() -> None:
    for text in ("a'b", "a\\b", "'", "\\'", "plain"):
        assert kinds(redshift_text(text)) == [(Kind.TEXT, text)]
    assert quote_text("a'b\\") == "'a''b\\'"
    assert quote_name('a"b') == '"a""b"'
