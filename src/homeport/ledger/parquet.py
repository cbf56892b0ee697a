"""Rows as Parquet, by pyarrow from the extra `parquet`; it is imported when the first file is written."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Column, Integer, Table

from homeport.core.errors import ConfigError

_ROWS_IN_A_GROUP = 20_000


def write_parquet(out: Path, table: Table, rows: Iterator[Mapping[str, Any]]) -> int:
    """Write rows of a table, a group of them at a time, and say how many there were.

    Raises:
        ConfigError: parquet_missing.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigError(
            f"Parquet cannot be written: {error}", code="parquet_missing", hint="pip install 'homeport[parquet]'"
        ) from error
    schema = pyarrow.schema([(column.name, _type_of(column, pyarrow)) for column in table.columns])
    count = 0
    with parquet.ParquetWriter(out, schema) as writer:
        while group := list(islice(rows, _ROWS_IN_A_GROUP)):
            writer.write_table(pyarrow.Table.from_pylist(group, schema=schema))
            count += len(group)
    return count


def _type_of(column: Column[Any], pyarrow: Any) -> Any:
    if isinstance(column.type, Boolean):
        return pyarrow.bool_()
    return pyarrow.int64() if isinstance(column.type, Integer) else pyarrow.string()
