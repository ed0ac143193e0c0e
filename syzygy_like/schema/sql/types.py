"""From the types of SQL to the types of columns."""

from __future__ import annotations

from sqlglot.expressions import Expression as Node

from syzygy_like.schema import ANYTHING, ColumnType

BITS = {
    "TINYINT": 8,
    "SMALLINT": 16,
    "SMALLSERIAL": 16,
    "MEDIUMINT": 24,
    "INT": 32,
    "SERIAL": 32,
    "BIGINT": 64,
    "BIGSERIAL": 64,
}
SERIALS = {"SMALLSERIAL", "SERIAL", "BIGSERIAL"}
TEXTS = {
    "CHAR",
    "NCHAR",
    "VARCHAR",
    "NVARCHAR",
    "TEXT",
    "TINYTEXT",
    "MEDIUMTEXT",
    "LONGTEXT",
}
FAMILIES = {
    "BLOB": "binary",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DATETIME": "datetime",
    "DOUBLE": "float",
    "FLOAT": "float",
    "INET": "genericipaddress",
    "INTERVAL": "duration",
    "JSON": "json",
    "JSONB": "json",
    "LONGBLOB": "binary",
    "MEDIUMBLOB": "binary",
    "TIME": "time",
    "TIMESTAMPTZ": "datetime",
    "UUID": "uuid",
    "VARBINARY": "binary",
}
# MySQL, "Numeric Data Type Syntax".
SYNONYMS = {"SERIAL": "UBIGINT", "TINYINT(1)": "BOOLEAN"}
# Of several fields, by the data_types of Django's DatabaseWrapper: char(32) is a
# CharField or a UUIDField, bigint may be a DurationField, text a JSONField.
AMBIGUOUS = {
    "mysql": {"BIGINT", "CHAR(32)", "CHAR(39)", "LONGTEXT"},
    "sqlite": {"BIGINT", "CHAR(32)", "CHAR(39)", "TEXT"},
}


def read_type(node: Node | None, vendor: str) -> ColumnType:
    """Return what a column of a type holds: ANYTHING if the type isn't clear."""
    if node is None or vendor == "oracle":  # whose NUMBER holds nearly everything
        return ANYTHING
    name = type_name(node)
    if name == "ARRAY":
        items = [read_type(item, vendor) for item in node.expressions]
        return ColumnType("array", item=items[0]) if items else ANYTHING
    sizes = _sizes(node)
    full_name = f"{name}({sizes[0]})" if sizes else name
    ambiguous = AMBIGUOUS.get(vendor, set())
    if name in ambiguous or full_name in ambiguous:
        return ANYTHING
    if vendor == "mysql" and full_name in SYNONYMS:
        name = SYNONYMS[full_name]
    return _read(name, sizes, vendor)


def type_name(node: Node | None) -> str:
    """Return sqlglot's own name of a type, "" if it has none."""
    return str(getattr(node.this, "name", "")) if node is not None else ""


def _read(name: str, sizes: list[int], vendor: str) -> ColumnType:
    unsigned = name.startswith("U") and name[1:] in BITS
    if name in BITS or unsigned:
        return _integer(BITS[name[1:] if unsigned else name], unsigned, vendor)
    if name in TEXTS:
        implied = 1 if name in {"CHAR", "NCHAR"} else None
        return ColumnType("text", size=sizes[0] if sizes else implied)
    if name == "DECIMAL":
        return _decimal(sizes, vendor)
    if name == "VARBINARY" and sizes:  # may well be a key
        return ANYTHING
    return ColumnType(FAMILIES[name]) if name in FAMILIES else ANYTHING


def _integer(bits: int, unsigned: bool, vendor: str) -> ColumnType:
    if vendor == "sqlite":  # "Datatypes In SQLite": up to 8 bytes, always signed
        bits, unsigned = 64, False
    if unsigned:
        return ColumnType("integer", low=0, high=2**bits - 1)
    return ColumnType("integer", low=-(2 ** (bits - 1)), high=2 ** (bits - 1) - 1)


def _decimal(sizes: list[int], vendor: str) -> ColumnType:
    if not sizes and vendor == "mysql":
        sizes = [10]
    if not sizes:
        return ColumnType("decimal")
    places = sizes[1] if len(sizes) > 1 else 0
    return ColumnType("decimal", size=sizes[0] - places, places=places)


def _sizes(node: Node) -> list[int]:
    names = [str(each.name) for each in node.expressions]
    return [int(name) for name in names if name.isdigit()]
