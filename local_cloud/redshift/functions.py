"""Which functions a statement may call, and the macros that give some of them Redshift's meaning on DuckDB."""

from __future__ import annotations

from local_cloud.redshift import decimals

# Schema of the in-memory catalogue that holds macros and system views; it is on every search path, users never name it.
SCHEMA = "stand_in"

_AGGREGATES = """any_value avg bit_and bit_or bool_and bool_or count listagg max median min percentile_cont
percentile_disc stddev stddev_pop stddev_samp sum var_pop var_samp variance"""
_WINDOW = """cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank ratio_to_report
row_number"""
_CONDITIONAL = "coalesce decode greatest isnull least nullif nvl nvl2"
_MATHEMATICS = "abs ceil ceiling exp floor ln log mod pow power random round sign sqrt trunc"
_STRINGS = """ascii btrim char_length character_length charindex chr concat func_sha1 left len length lower lpad ltrim
md5 octet_length position quote_ident quote_literal regexp_count regexp_replace regexp_substr repeat replace replicate
reverse right rpad rtrim sha sha1 sha2 split_part strpos substr substring textlen translate trim upper"""
_DATES = """add_months convert_timezone date_part date_trunc dateadd datediff extract getdate last_day sysdate to_char
to_date"""
_SYSTEM = """current_database current_schema pg_backend_pid pg_last_copy_count pg_last_copy_id pg_last_query_id
pg_last_unload_count pg_last_unload_id version"""

# Functions whose result on DuckDB was compared with Redshift's documentation; every other one is refused.
KNOWN_FUNCTIONS = frozenset(
    " ".join((_AGGREGATES, _WINDOW, _CONDITIONAL, _MATHEMATICS, _STRINGS, _DATES, _SYSTEM)).split()
)

# Aggregates that Redshift lets run over an ordered window only with a frame clause.
FRAMED_AGGREGATES = frozenset(
    """avg bool_and bool_or count first_value last_value max min nth_value stddev stddev_pop stddev_samp sum var_pop
    var_samp variance""".split()  # noqa: SIM905 - reads better
)

# Names that only change on the way to DuckDB.
RENAMED = {
    "character_length": "length",
    "func_sha1": "sha1",
    "octet_length": "strlen",
    "quote_ident": "rs_quote_ident",
    "quote_literal": "rs_quote_literal",
    "replicate": "repeat",
    "sha": "sha1",
    "textlen": "length",
}

_END_OF_MONTH = "d::timestamp::date = last_day(d::timestamp)"
MACROS = (
    "getdate() AS (now() AT TIME ZONE 'UTC')::timestamp",
    "rs_nonzero(b) AS CASE WHEN b = 0 THEN error('division by zero') ELSE b END",
    # Cut to n bytes without splitting a character: the longest prefix that fits.
    """rs_cut(s, n) AS CASE WHEN strlen(s) <= n THEN s ELSE left(s, list_max(list_filter(
        range(0, least(n, length(s)) + 1), lambda i: strlen(left(s, i::int)) <= n))::int) END""",
    f"""rs_add_months(d, n) AS CASE WHEN {_END_OF_MONTH}
        THEN last_day(d::timestamp + to_months(n::int))::timestamp + (d::timestamp - date_trunc('day', d::timestamp))
        ELSE d::timestamp + to_months(n::int) END""",
    """rs_trunc(x TIMESTAMP) AS x::date, (x DATE) AS x, (x TIMESTAMP WITH TIME ZONE) AS x::date,
        (x DOUBLE) AS trunc(x), (x BIGINT) AS x""",
    """rs_quote_ident(s) AS CASE WHEN regexp_full_match(s, '[a-z_][a-z0-9_$]*') THEN s
        ELSE '"' || replace(s, '"', '""') || '"' END""",
    decimals.MACRO,
    "rs_quote_literal(s) AS '''' || replace(s, '''', '''''') || ''''",
)


def macro_statements() -> list[str]:
    """The DuckDB statements that define the macros."""
    return [f"CREATE MACRO memory.{SCHEMA}.{macro}" for macro in MACROS]
