from __future__ import annotations

import pytest

from local_cloud.redshift.parameters import bind, used_names
from local_cloud.redshift.redaction import redact


def test_names_are_found_outside_of_strings_comments_and_casts() -> None:
    assert used_names("SELECT :a, ':b', \"x:c\", d::int, :e_1 -- :f\n") == {"a", "e_1"}


def test_values_are_bound_as_quoted_texts() -> None:
    assert bind("SELECT :a || ':a' WHERE x=:b", {"a": "it's", "b": "1\\2"}) == "SELECT 'it''s' || ':a' WHERE x='1\\\\2'"


def test_names_without_a_value_stay() -> None:
    assert bind("SELECT :a, :ab", {"a": "1"}) == "SELECT '1', :ab"


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("COPY t FROM 's3://b' ACCESS_KEY_ID 'A' SECRET_ACCESS_KEY 'S''K'", "KEY_ID '***' SECRET_ACCESS_KEY '***'"),
        ("UNLOAD ('x') TO 's3://b' CREDENTIALS AS 'aws_access_key_id=1'", "CREDENTIALS AS '***'"),
        ("COPY t FROM 's3://b' session_token\n 'tok'", "session_token\n '***'"),
        ("CREATE USER u PASSWORD 'p'", "PASSWORD '***'"),
    ],
)  # fmt: skip
def test_credentials_are_redacted(sql: str, shown: str) -> None:
    assert redact(sql).endswith(shown)
    assert redact(redact(sql)) == redact(sql)


def test_other_texts_are_not_redacted() -> None:
    sql = "SELECT 'a' FROM t WHERE password_hash = 'x'"
    assert redact(sql) == sql
