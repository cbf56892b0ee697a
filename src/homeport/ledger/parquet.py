"""Rows as Parquet, by pyarrow from the extra `parquet`; it is imported when the first file is written."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from homeport.core.errors import ConfigError

_ROWS_IN_A_GROUP = 20_000


def write_parquet(out: Path, columns: Mapping[str, type], rows: Iterator[Mapping[str, Any]]) -> int:
    """Write rows, a group of them at a time, and say how many there were.

    Args:
        columns: of what type each is: bool, int (64 bits), or else a text.

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
    schema = pyarrow.schema([(name, _type_of(kind, pyarrow)) for name, kind in columns.items()])
    count = 0
    with parquet.ParquetWriter(out, schema) as writer:
        while group := list(islice(rows, _ROWS_IN_A_GROUP)):
            writer.write_table(pyarrow.Table.from_pylist(group, schema=schema))
            count += len(group)
    return count


def _type_of(kind: type, pyarrow: Any) -> Any:
    if kind is bool:
        return pyarrow.bool_()
    return pyarrow.int64() if kind is int else pyarrow.string()
