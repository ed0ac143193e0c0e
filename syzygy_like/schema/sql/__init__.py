"""What the SQL of a RunSQL operation does to a schema, read by sqlglot."""

from syzygy_like.schema.sql.optional import is_available, read_sql

__all__ = ["is_available", "read_sql"]
