"""Parquet to Arrow batches. A dictionary lets a tiny file stand for gigabytes, so it is measured before it is unfolded."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa

from ftui.data import values

if TYPE_CHECKING:
    from pyarrow.parquet import FileMetaData

BATCH_ROWS = 4096
_FOLDING = {  # encodings of texts that take less than the texts; at once so many rows are measured
    "RLE_DICTIONARY": 65_536,  # with the dictionary, which each batch brings along
    "PLAIN_DICTIONARY": 65_536,
    "DELTA_BYTE_ARRAY": 256,  # unfolded
}
_BYTES = {"BOOLEAN": 0.125, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8, "BYTE_ARRAY": 4}


def batches(source: BinaryIO, name: str, check_size: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
    """The rows of the file `name`; `check_size` raises where it unpacks to too many bytes."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(source)
    names = values.unique_names(file.schema_arrow.names)
    values.check_columns(len(names), name)
    least, folded = _columns(file.metadata)
    check_size(least)
    for encoding, paths in folded.items():
        _measure(source, paths, encoding, check_size)
    for batch in file.iter_batches(batch_size=BATCH_ROWS):
        batch.validate(full=True)
        yield pa.RecordBatch.from_arrays([values.plain(column) for column in batch.columns], names)


def _columns(metadata: "FileMetaData") -> tuple[int, dict[str, set[str]]]:
    """The bytes that the values take at least, and by encoding the paths of texts that may take far more than it seems."""
    least, folded = 0.0, defaultdict[str, set[str]](set)
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(number)
            least += chunk.num_values * (_BYTES.get(chunk.physical_type) or metadata.schema.column(number).length)
            for encoding in _FOLDING.keys() & set(chunk.encodings) if chunk.physical_type == "BYTE_ARRAY" else ():
                folded[encoding].add(chunk.path_in_schema)
    return int(least), folded


def _measure(source: BinaryIO, paths: set[str], encoding: str, check_size: Callable[[int], None]) -> None:
    """Read these columns, with dictionaries as such, and check what they take without."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(source, read_dictionary=list(paths) if "DICTIONARY" in encoding else [])
    total = 0
    for batch in file.iter_batches(batch_size=_FOLDING[encoding], columns=list(paths)):
        total += sum(map(_unfolded, batch.columns))
        check_size(total)


def _unfolded(column: pa.Array) -> int:
    """The bytes of a column whose dictionaries are replaced by their values."""
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        return pc.sum(pc.binary_length(column.dictionary).take(column.indices)).as_py() or 0
    if pa.types.is_struct(column.type):
        return sum(map(_unfolded, column.flatten()))
    if pa.types.is_map(column.type):
        return _unfolded(column.keys) + _unfolded(column.items)
    return _unfolded(column.flatten()) if pa.types.is_nested(column.type) else column.nbytes
