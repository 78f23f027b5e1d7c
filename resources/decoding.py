"""What bytes say: packed files taken apart and escaped texts spelled out, for a search that must miss nothing.

SQLite (tables, with the log played over it), Parquet (every page of any codec, with what dictionaries hold), zip (so
XLSX), tar, gzip, zlib, bzip2 and zstd, one within the other; texts in UTF-16, by their mark; the escapes of JSON, also
of JSON within JSON, of XML and HTML, and the doubled quotes of CSV. It looks for nothing itself and holds no knowledge
of the warehouse. What cannot be taken apart, though it says it could, is `UndecodableError`; encrypted Parquet says
nothing: it is none.
"""

from __future__ import annotations

import codecs
import html
import io
import re
import sqlite3
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SQLITE = b"SQLite format 3\0"
PARQUET = b"PAR1"
_WAL_MAGIC = (0x377F0682, 0x377F0683)
_WAL_HEADER, _WAL_FRAME = 32, 24
_STREAMS = {re.compile(rb"\x28\xb5\x2f\xfd"): "zstd", re.compile(rb"BZh[1-9]1AY&SY"): "bz2"}
_TAR_AT, _TAR = 257, b"ustar"
_DEEPEST = 4


class UndecodableError(ValueError):
    """A packed file that is damaged: what it says cannot be told. The text names no value."""


def said_by(data: bytes, log: bytes = b"", depth: int = 0) -> Iterator[bytes]:
    """What bytes say: themselves, and what is packed or escaped in them.

    Args:
        data: a file's bytes, or a part's of one.
        log: of a SQLite file, the write-ahead log beside it.
        depth: how often it was unpacked already.

    Raises:
        UndecodableError: it is damaged.
    """
    yield data
    try:
        parts = _parts(data, log)
        if parts is None:
            yield from spellings(data, itself=False)
            return
        for part, packed in parts:
            yield from said_by(part, depth=depth + 1) if packed and depth < _DEEPEST else spellings(part)
    except (sqlite3.Error, pa.ArrowException, zipfile.BadZipFile, tarfile.TarError, zlib.error, OSError) as error:
        raise UndecodableError(type(error).__name__) from error


def spellings(data: bytes, *, itself: bool = True) -> Iterator[bytes]:
    """A text as it is, and with the escapes undone that it may have been written with."""
    if itself:
        yield data
    if data[:1] == b"x" and (unpacked := _inflated(data)):  # a packed snapshot, as Dagster keeps of its jobs
        yield unpacked
        data = unpacked
    if codec := wide_codec(data):
        data = data.decode(codec, "replace").encode()
        yield data
    if b"&" in data:
        yield html.unescape(data.decode("utf-8", "replace")).encode()
    if b'""' in data:
        yield data.replace(b'""', b'"')
    for _ in range(_DEEPEST):
        if b"\\" not in data:
            return
        data = _ESCAPED.sub(_unescaped, data)
        yield data


def wide_codec(data: bytes) -> str | None:
    """The codec of a text in UTF-16, as Excel writes its "Unicode text": its first two bytes tell."""
    return {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}.get(data[:2])


def arrow_values(column: pa.Array) -> Iterator[bytes]:
    """Every text and blob of a column, however deep, also of dictionaries, put together with zero bytes between."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        yield from arrow_values(column.dictionary)
    elif pa.types.is_map(kind):
        yield from arrow_values(column.keys)
        yield from arrow_values(column.items)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        yield from arrow_values(column.flatten())
    elif pa.types.is_struct(kind):
        for inner in column.flatten():
            yield from arrow_values(inner)
    elif any(is_kind(kind) for is_kind in _TEXTS):
        values = column.drop_null().cast(pa.binary())
        whole = pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)
        yield pc.binary_join(whole, b"\0")[0].as_py()


_TEXTS = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)


def _parts(data: bytes, log: bytes) -> Iterator[tuple[bytes, bool]] | None:
    """What is packed in bytes, each part with whether it may be packed itself; None where nothing is."""
    if data[:16] == SQLITE:
        return ((value, False) for value in _sqlite_values(data, log))
    if data[:4] == PARQUET:
        return ((value, False) for value in _parquet_values(data))
    if data[:4] == b"PK\x03\x04":
        return ((part, True) for part in _zipped(data))
    if data[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        return ((part, True) for part in _archived(data))
    if data[:2] == b"\x1f\x8b":
        return ((part, True) for part in _gunzipped(data))
    codec = next((name for magic, name in _STREAMS.items() if magic.match(data)), None)
    return None if codec is None else ((part, True) for part in _streamed(data, codec))


def _parquet_values(data: bytes) -> Iterator[bytes]:
    for batch in pq.ParquetFile(pa.BufferReader(data)).iter_batches():
        for column in batch.columns:
            yield from arrow_values(column)


def _zipped(data: bytes) -> Iterator[bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as pack:
        for name in pack.namelist():
            yield pack.read(name)


def _archived(data: bytes) -> Iterator[bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as pack:
        for member in pack:
            if (content := pack.extractfile(member)) is not None:
                yield content.read()


def _gunzipped(data: bytes) -> Iterator[bytes]:
    """Every member of a gzip file, also of one that breaks off: what there is of it counts."""
    while data[:2] == b"\x1f\x8b":
        member = zlib.decompressobj(31)
        yield member.decompress(data) + member.flush()
        data = member.unused_data


def _streamed(data: bytes, codec: str) -> Iterator[bytes]:
    with pa.input_stream(pa.BufferReader(data), compression=codec) as stream:
        yield stream.read()


def _inflated(data: bytes) -> bytes | None:
    try:
        return zlib.decompress(data)
    except zlib.error:  # a text that begins with an x
        return None


def _unescaped(found: re.Match[bytes]) -> bytes:
    if found[1][:1] != b"u":
        return _SIGNS.get(found[1], found[1])
    units = bytes.fromhex(found[0].replace(b"\\u", b"").decode())
    return units.decode("utf-16-be", "replace").encode()


_ESCAPED = re.compile(rb'\\(u[0-9a-fA-F]{4}(?:\\u[0-9a-fA-F]{4})*|["\\/bfnrt])')
_SIGNS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def _sqlite_values(data: bytes, log: bytes) -> Iterator[bytes]:
    """Every text and blob of a SQLite file with its log played over it, without opening the file itself."""
    with closing(sqlite3.connect(":memory:")) as con:
        con.deserialize(_played(data, log))
        tables = con.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0").fetchall()
        for (table,) in tables:
            for row in con.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - the file's own names
                for value in row:
                    if isinstance(value, (str, bytes)):
                        yield value if isinstance(value, bytes) else value.encode()


def _played(data: bytes, log: bytes) -> bytes:
    """A SQLite file's image with the committed pages of its write-ahead log in place, marked as having no log."""
    image = bytearray(data)
    size = int.from_bytes(image[16:18], "big") or 1
    size = 65536 if size == 1 else size
    for page, content in _committed(log, size):
        image.extend(bytes(max(0, page * size - len(image))))
        image[(page - 1) * size : page * size] = content
    image[18:20] = b"\x01\x01"
    image[28:32] = (len(image) // size).to_bytes(4, "big")
    image[92:96] = image[24:28]
    return bytes(image)


def _committed(log: bytes, size: int) -> list[tuple[int, bytes]]:
    """The pages of a log up to its last commit; what an earlier turn of the log left behind them is none of it."""
    if len(log) < _WAL_HEADER or struct.unpack(">I", log[:4])[0] not in _WAL_MAGIC:
        return []
    pages: list[tuple[int, bytes]] = []
    committed = 0
    for start in range(_WAL_HEADER, len(log) - _WAL_FRAME - size + 1, _WAL_FRAME + size):
        page, pages_after_commit = struct.unpack(">II", log[start : start + 8])
        if log[start + 8 : start + 16] != log[16:24]:
            break
        pages.append((page, log[start + _WAL_FRAME : start + _WAL_FRAME + size]))
        committed = len(pages) if pages_after_commit else committed
    return pages[:committed]
