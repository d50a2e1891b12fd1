"""Every function of the installed DuckDB is either offered to queries or left out for a reason.

These tests fail with a new version of DuckDB until each function that it adds is named, either in
`sandbox/functions.py` or in `NOT_OFFERED` below.
"""

from collections.abc import Iterator
from typing import Final

import duckdb
import pytest

from sandbox.functions import FUNCTIONS, TABLE_FUNCTIONS
from sandbox.guard import check, parse_select

NOT_OFFERED: Final = {
    "they wait": "sleep_ms pg_sleep",
    "they write, or remember from call to call": "currval nextval setseed setval write_log",
    "they tell of the session, the machine or the catalog": """
        col_description current_catalog current_connection_id current_database current_query
        current_query_id current_role current_schema current_schemas current_setting
        current_transaction_id current_user format_pg_type format_type get_block_size getvariable
        has_any_column_privilege has_column_privilege has_database_privilege
        has_foreign_data_wrapper_privilege has_function_privilege has_language_privilege
        has_schema_privilege has_sequence_privilege has_server_privilege has_table_privilege
        has_tablespace_privilege in_search_path inet_client_addr inet_client_port inet_server_addr
        inet_server_port map_to_pg_oid obj_description pg_collation_is_visible pg_conf_load_time
        pg_conversion_is_visible pg_function_is_visible pg_get_constraintdef pg_get_expr
        pg_get_viewdef pg_has_role pg_is_other_temp_schema pg_my_temp_schema
        pg_opclass_is_visible pg_operator_is_visible pg_opfamily_is_visible
        pg_postmaster_start_time pg_table_is_visible pg_ts_config_is_visible
        pg_ts_dict_is_visible pg_ts_parser_is_visible pg_ts_template_is_visible
        pg_type_is_visible session_user shobj_description stats txid_current user vector_type
    """,
    "they read a text as SQL": "json_deserialize_sql json_serialize_plan json_serialize_sql",
    "they take or make the bytes of DuckDB's own structures": """
        bitstring_byte_comparable combine combine_aggr create_sort_key finalize icu_sort_key
        index_key parse_duckdb_log_message remap_struct timetz_byte_comparable to_aggregate_state
        variant_bytes_to_variant variant_comparator variant_normalize variant_to_parquet_variant
    """,
    "DuckDB calls them itself, for what has syntax of its own": """
        !__postfix __between __cast constant_or_null decimal_average decimal_division get_type
        hive_partition_component json_copy_strftime_if_date json_copy_strftime_if_timestamp
        make_type sum_no_overflow
    """,
    "the lake has no geometries": """
        st_asbinary st_asgeojson st_astext st_aswkb st_aswkt st_crs st_geomfromgeojson
        st_geomfromwkb st_intersects_extent st_setcrs vertex_extract
    """,
}
"""The functions that aren't offered, by the reason."""
INTERNAL: Final = ("__internal_", "collate_", "icu_collate_", "is distinct ", "is not distinct ")
"""How the names begin of further functions that only DuckDB itself calls."""
DEPEND_ON_MORE: Final = frozenset(
    {
        *("current_date", "get_current_time", "get_current_timestamp", "now", "today"),
        *("transaction_timestamp", "gen_random_uuid", "random", "uuid", "uuidv4", "uuidv7"),
        "error",
    }
)
"""The offered functions whose result depends on the time or on chance."""
WITHOUT_ENTRY: Final = frozenset({"unnest"})
"""The offered functions that DuckDB accepts but doesn't list."""


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        yield made


def names(connection: duckdb.DuckDBPyConnection, condition: str) -> set[str]:
    found = connection.execute(
        f"SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE {condition}"
    )
    return {name for (name,) in found.fetchall()}


def test_every_function_is_offered_or_is_not_for_a_reason(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    known = names(connection, "function_type IN ('scalar', 'macro', 'aggregate', 'window')")
    not_offered = {name for group in NOT_OFFERED.values() for name in group.split()}
    not_offered |= {name for name in known if name.startswith(INTERNAL)}
    assert not FUNCTIONS & not_offered
    assert (FUNCTIONS - WITHOUT_ENTRY) | not_offered == known


def test_tables_are_made_by_functions_of_their_arguments_alone(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    assert names(connection, "function_type = 'table'") >= TABLE_FUNCTIONS


def test_allowed_functions_depend_on_arguments_time_and_chance_only(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    inconstant = names(connection, "stability != 'CONSISTENT' OR has_side_effects")
    assert FUNCTIONS & inconstant == DEPEND_ON_MORE


def test_allowed_macros_expand_to_allowed_functions(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    macros = connection.execute(
        "SELECT DISTINCT function_name, macro_definition FROM duckdb_functions() "
        "WHERE function_type = 'macro'"
    ).fetchall()
    bodies = {body for name, body in macros if name in FUNCTIONS}
    assert bodies
    for body in bodies:
        check(connection, parse_select(connection, f"SELECT {body}"))
