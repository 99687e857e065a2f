"""Rows of a SQLite file whose header or tree is damaged, found page by page.

Leaves of a table hold whole rows, and each leaf can be understood by itself.  The numbers here are those of
"Database File Format", https://www.sqlite.org/fileformat2.html: its sections 1.3 (the header), 1.6 (pages)
and 2.1 (records).
"""

from __future__ import annotations

from collections.abc import Iterator

from feedback.store.records import Event

_HEADER = 100
_TABLE_LEAF = 0x0D

# What a store is made with, for a file that does not say it any more [bytes].
_PAGE_SIZE = 4096

_Value = int | float | str | bytes | None


def carve(data: bytes) -> Iterator[Event]:
    """Yield whatever in a file looks like a row of a store, in the order of pages.

    A row may come twice, and one that is damaged may come with wrong texts: the caller checks.

    Args:
        data: The whole file.
    """
    size = int.from_bytes(data[16:18], "big")
    size = 65536 if size == 1 else size
    if size < 512 or size & (size - 1):
        size = _PAGE_SIZE
    for page in range(0, len(data), size):
        start = page + (_HEADER if page == 0 else 0)
        if data[start : start + 1] != bytes([_TABLE_LEAF]):
            continue
        count = _integer(data, start + 3, 2)
        for index in range(min(count, size // 4)):
            cell = page + _integer(data, start + 8 + 2 * index, 2)
            try:
                event = _event(data, cell, size)
            except (IndexError, UnicodeDecodeError):
                continue
            if event is not None:
                yield event


def _event(data: bytes, cell: int, size: int) -> Event | None:
    """Read the cell at an offset; None if it is no row of ours."""
    length, start = _varint(data, cell)
    number, start = _varint(data, start)
    values = _record(_payload(data, start, length, size))
    if len(values) != 6:
        return None
    _, kind, labeller, created, undoes, body = values
    texts_fit = isinstance(kind, str) and isinstance(labeller, str) and isinstance(created, str)
    if not texts_fit or not isinstance(body, str) or not isinstance(undoes, int | None):
        return None
    return Event(number, str(kind), str(labeller), str(created), undoes, body)


def _payload(data: bytes, start: int, length: int, size: int) -> bytes:
    """Return a row's bytes, those that overflow into pages of their own included."""
    if length > len(data):
        raise IndexError("a row is longer than its file")
    local = length
    if length > size - 35:
        least = (size - 12) * 32 // 255 - 23
        local = least + (length - least) % (size - 4)
        local = local if local <= size - 35 else least
    parts = [data[start : start + local]]
    missing = length - local
    following = _integer(data, start + local, 4) if missing else 0
    while missing > 0:
        page = (following - 1) * size
        if following < 1 or page >= len(data):
            raise IndexError("a row goes on outside its file")
        parts.append(data[page + 4 : page + 4 + min(missing, size - 4)])
        missing -= size - 4
        following = _integer(data, page, 4)
    return b"".join(parts)


def _record(payload: bytes) -> list[_Value]:
    """Return the values of a row."""
    end, at = _varint(payload, 0)
    value_at, values = end, []
    while at < end:
        code, at = _varint(payload, at)
        value, length = _value(payload, value_at, code)
        value_at += length
        values.append(value)
    if value_at > len(payload):
        raise IndexError("a row is shorter than it says")
    return values


def _value(payload: bytes, at: int, code: int) -> tuple[_Value, int]:
    """Return a value of a serial type, and how many bytes it takes; no row of ours has a float."""
    if code == 0:
        return None, 0
    if code in (8, 9):
        return code - 8, 0
    if code < 12:
        length = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0)[code]
        part = payload[at : at + length]
        return (part if code == 7 else int.from_bytes(part, "big", signed=True)), length
    length = (code - 12) // 2
    part = payload[at : at + length]
    return (part.decode() if code % 2 else part), length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of 1 to 9 bytes, most significant first, and the offset behind it."""
    value = 0
    for index in range(8):
        byte = data[at + index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + index + 1
    return value << 8 | data[at + 8], at + 9


def _integer(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "big")
