"""CRC-32 of message bodies: of one value, and derived for whole columns."""

import numpy as np
from isal.isal_zlib import crc32

from fairpoll.evidence.records import Array

__all__ = ["crc32", "of_whole_bodies"]

_FIELD, _END = b',"checksum":', ord("}")
_DIGITS = 10  # of the largest CRC-32
# Small enough for the columns in use to stay in the processor's cache.
_ROWS_AT_ONCE = 1 << 14


def _table() -> Array:
    """What each byte contributes to the register of CRC-32 (polynomial 0xEDB88320)."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0xEDB88320), table >> 1).astype(np.uint32)
    return table


_TABLE = _table()
# The byte whose contribution has this highest byte.
_BYTE_OF = np.argsort(_TABLE >> 24).astype(np.uint32)


def of_whole_bodies(checksums: Array) -> Array:
    """The CRC-32 of whole message bodies, from the checksums that stand in them.

    A body is `text,"checksum":N}`, and N is the CRC-32 of `text}`. So the register after `text` is found by
    taking the brace back, and the rest is added. This spares the judge from parsing each value.
    """
    whole = np.empty(len(checksums), np.uint32)
    for start in range(0, len(checksums), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        whole[part] = _of_whole_bodies(checksums[part].astype(np.uint32))
    return whole


def _of_whole_bodies(checksums: Array) -> Array:
    register = ~checksums
    byte = _BYTE_OF[register >> 24]
    register = ((register ^ _TABLE[byte]) << 8) | (byte ^ _END)
    for byte in _FIELD:
        register = _add(register, byte)
    for place in reversed(range(_DIGITS)):
        power = np.uint32(10**place)
        digit = checksums // power % 10 + ord("0")
        there = (checksums >= power) | (place == 0)  # no leading zeros
        register = np.where(there, _add(register, digit), register)
    return ~_add(register, _END)


def _add(register: Array, byte: Array | int) -> Array:
    added: Array = _TABLE[(register ^ byte) & 0xFF] ^ (register >> 8)
    return added
