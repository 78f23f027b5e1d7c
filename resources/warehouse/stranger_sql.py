"""SQL that a person typed: one statement that only reads the warehouse's tables, or a sentence that says why not.

Holds the reading of such a statement's syntax tree. It is the second of two fences: the connection that the statement
runs on is sealed (`engine.seal`), but DuckDB's seal does not stop functions that open files by another library's hand,
nor those that show where the catalogue is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb

from resources.errors import ConfigurationError
from resources.warehouse.engine import CATALOG

_TABLE_FUNCTIONS = frozenset(
    {"unnest", "range", "generate_series", "json_each", "json_tree", "ducklake_snapshots", "ducklake_table_changes"}
)
_FUNCTIONS_REFUSED = frozenset({"current_setting", "getenv", "write_log"})
_SCHEMAS = frozenset({None, "", "main", "audit", "information_schema", CATALOG})
_INNER_NAMES = re.compile(r"(duckdb_|pragma_|pg_|sqlite_|__ducklake)", re.IGNORECASE)
_PATH_SIGNS = re.compile(r"[/\\*:]|\.\w+$")
_EXPLAIN = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*explain\s+(?:analyze\s+)?(?:\([^)]*\)\s*)?", re.IGNORECASE | re.DOTALL
)

_ABOUT_WORDS = (duckdb.ParserException, duckdb.SyntaxException, duckdb.BinderException, duckdb.CatalogException)
_ABOUT_NO_VALUE = "More than one row returned by a subquery"
_ABOUT_VALUES = {
    duckdb.ConversionException: "a value cannot be made into the type asked for; TRY_CAST gives NULL for such values.",
    duckdb.OutOfRangeException: "a number leaves the range of its type or function; cast it to a wider type first.",
    duckdb.InvalidInputException: "a function cannot take one of the values given; TRY(...) gives NULL for those.",
}


def check_reads_only(con: duckdb.DuckDBPyConnection, sql: str) -> None:
    """See that a statement only reads tables and views.

    Raises:
        ConfigurationError: it is none, several, or does anything else; the sentence says what.

    """
    try:
        statements = con.extract_statements(sql)
    except duckdb.Error as error:
        raise ConfigurationError(f"this is not SQL that can be read: {told(error)}") from None
    if len(statements) != 1:
        raise ConfigurationError(f"give one statement at a time; there are {len(statements)} here.")
    explained = _EXPLAIN.match(sql) if statements[0].type == duckdb.StatementType.EXPLAIN else None
    for node in _nodes(_tree(con, sql[explained.end() :] if explained else sql)):
        _check(node)


def told(error: duckdb.Error) -> str:
    """Give what is wrong with a statement, on one line: what DuckDB says of its words, but never of a row's value."""
    lines = [line.strip() for line in str(error).split("\n\nLINE ")[0].splitlines()]
    said = " ".join(line for line in lines if line).partition(": ")[2]
    if said and (isinstance(error, _ABOUT_WORDS) or said.startswith(_ABOUT_NO_VALUE)):
        return said
    return next((sentence for kind, sentence in _ABOUT_VALUES.items() if isinstance(error, kind)), type(error).__name__)


def _tree(con: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = con.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    try:
        tree = json.loads(row[0]) if row else {"error": True}
    except RecursionError:
        raise ConfigurationError(
            "the statement is nested too deeply to be checked; write it in simpler parts."
        ) from None
    if tree["error"]:
        raise ConfigurationError(
            "only statements that read are taken: SELECT, FROM, WITH, VALUES, DESCRIBE, SHOW, SUMMARIZE, EXPLAIN."
        )
    return tree


def _nodes(tree: object) -> Iterator[dict[str, Any]]:
    """Give every node of a tree, without recursion, however deep it is."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _check(node: dict[str, Any]) -> None:
    kind = node.get("type")
    if kind == "TABLE_FUNCTION" and (name := node["function"]["function_name"].lower()) not in _TABLE_FUNCTIONS:
        raise ConfigurationError(f"{name}() cannot be read from here: only the warehouse's own tables and views can.")
    if kind == "FUNCTION" and (name := node["function_name"].lower()) in _FUNCTIONS_REFUSED:
        raise ConfigurationError(f"{name}() cannot be called from here.")
    if kind == "BASE_TABLE":
        _check_table(node)


def _check_table(node: dict[str, Any]) -> None:
    name = node["table_name"]
    if _PATH_SIGNS.search(name):
        raise ConfigurationError(f"{name!r} is a file: only the warehouse's own tables and views can be read.")
    inner = _INNER_NAMES.match(name) or node.get("schema_name") not in _SCHEMAS
    if inner or node.get("catalog_name") not in (None, "", CATALOG):
        raise ConfigurationError(
            f"{name!r} is not one of the warehouse's tables and views; SHOW ALL TABLES names them."
        )
