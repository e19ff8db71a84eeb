"""Lines that are spelled alike, read thousands at a time.

One program writes a file of ten million lines, and spells them alike: only numbers and the names of
topics differ. A spelling is learned from one line that the strict reader has taken. Another line that
is the same text, but for other numbers and names in those places, says the same in JSON; so it is read by
comparing its bytes, eight at a time, for all lines of a block at once. Whatever does not fit in every
byte is left to the strict reader: nothing is guessed here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fairpoll.evidence.blocks import Array, Block

LONGEST_LITERALS = 4096
LONGEST_NAME = 255
# So many names of topics are told apart in one block; the lines of others are read one by one.
MOST_NAMES = 256
MINUS, DOT, ZERO, NINE = b"-.09"
_FIRST_BYTE = np.uint64(0xFF)
_NUMBER = rb"(-?[0-9]+(?:\.[0-9]+)?)(?![0-9.eE])"

_TENS = 10 ** np.arange(17, dtype=np.uint64)
_EACH = np.uint64(0x0101010101010101)
_ZEROS, _HIGH, _ABOVE_NINE = _EACH * np.uint64(0x30), _EACH * np.uint64(0x80), _EACH * np.uint64(0x76)


@dataclass(frozen=True)
class Hole:
    """A place in which lines of one spelling differ: a topic's name (str), an int, or a float."""

    name: str
    kind: type


Parts = tuple[bytes | Hole, ...]


class Names:
    """Names of topics, each with the number by which columns tell it."""

    def __init__(self) -> None:
        self.known: list[str] = []
        self._numbers: dict[bytes, int] = {}

    def number(self, text: bytes) -> int | None:
        """The number of this name, as it stands between quotes; None for what is not plainly a name."""
        if text not in self._numbers:
            if b"\\" in text or min(text, default=32) < 32:
                return None
            try:
                self.known.append(text.decode("utf-8"))
            except UnicodeDecodeError:
                return None
            self._numbers[text] = len(self.known) - 1
        return self._numbers[text]


def learn(text: bytes, fields: Mapping[str, type]) -> Parts | None:
    """The parts of a piece of JSON; None unless each of these fields stands in it plainly, and once.

    Without a backslash in it a quote is a quote, and a field's name is that field.
    """
    if b"\\" in text or len(text) > LONGEST_LITERALS:
        return None
    found = []
    for name, kind in fields.items():
        value = rb'"([^"]*)"' if kind is str else _NUMBER
        place = re.search(rb'"%b"\s*:\s*%b' % (name.encode(), value), text)
        if place is None or text.count(b'"%b"' % name.encode()) != 1:
            return None
        found.append((place.start(1), place.end(), Hole(name, kind)))
    parts: list[bytes | Hole] = []
    at = 0
    for start, end, hole in sorted(found, key=lambda one: one[0]):
        parts += [text[at:start], hole]
        at = end
    return (*parts, text[at:])


class Cursor:
    """Places in a block, one a line, that move on together; `fits` says of which lines all fitted so far.

    The places of lines that do not fit any more mean nothing.
    """

    def __init__(self, data: npt.NDArray[np.uint8], at: Array) -> None:
        self._data = data
        # Eight bytes from any place on, as one number.
        self._words = np.ndarray((len(data) - 7,), "<u8", data, strides=(1,))
        self.at = at
        self.fits = np.ones(len(at), bool)

    def read(self, parts: Parts, names: Names) -> dict[str, Array]:
        """The values in the holes of these parts, by name."""
        found: dict[str, Array] = {}
        for part in parts:
            if isinstance(part, bytes):
                self.skip(part)
            elif part.kind is str:
                found[part.name] = self.name(names)
            else:
                found[part.name] = self.whole() if part.kind is int else self.number()
        return found

    def skip(self, text: bytes) -> None:
        """This text has to stand here."""
        self.fits &= self.stands(text)
        self.at = self.at + len(text)

    def stands(self, text: bytes) -> Array:
        """Whether this text stands here, of each line."""
        same = np.ones(len(self.at), bool)
        for start in range(0, len(text), 8):
            piece = text[start : start + 8]
            word = self._words[self.at + start]
            if len(piece) < 8:
                word &= np.uint64((1 << 8 * len(piece)) - 1)
            same &= word == np.uint64(int.from_bytes(piece, "little"))
        return same

    def whole(self) -> npt.NDArray[np.int64]:
        """A whole number of at most 16 digits has to stand here."""
        value, _, negative = self._number()
        signed = value.astype(np.int64)
        return signed if negative is None else np.where(negative, -signed, signed)

    def number(self) -> npt.NDArray[np.float64]:
        """A number without an exponent has to stand here; it is rounded as it ought to be.

        With 15 digits in all, two exact numbers are divided, which rounds once. With more, and above
        2**35, what comes after the point is added: it has at most 15 digits, so it is never so near to the
        middle between two numbers that rounding it first would matter.
        """
        whole, count, negative = self._number()
        self.fits &= whole < 1 << 53
        value = whole.astype(np.float64)
        dotted = self._data[self.at] == DOT
        if dotted.any():
            rows = slice(None) if dotted.all() else np.flatnonzero(dotted)
            after = Cursor(self._data, self.at[rows] + 1)
            part, places = after._digits(after._words[after.at])
            many = count[rows] + places > 15
            tens = _TENS[np.minimum(places, 15)]
            exact = (whole[rows] * tens + part).astype(np.float64) / tens.astype(np.float64)
            added = value[rows] + part.astype(np.float64) / tens.astype(np.float64)
            value[rows] = np.where(many, added, exact)
            self.fits[rows] &= after.fits & (places <= 15) & (~many | (whole[rows] >= 1 << 35))
            self.at[rows] = after.at
        return value if negative is None else np.where(negative, -value, value)

    def name(self, names: Names) -> npt.NDArray[np.int32]:
        """A name has to stand here, and the quote at its end; its number, of each line."""
        numbers = np.full(len(self.at), -1, np.int32)
        left = np.flatnonzero(self.fits)
        for _ in range(MOST_NAMES):
            if not len(left):
                break
            start = self.at[left[0]]
            text = self._data[start : start + LONGEST_NAME + 1].tobytes().partition(b'"')[0]
            number = names.number(text) if len(text) <= LONGEST_NAME else None
            if number is None:
                left = left[1:]
                continue
            same = Cursor(self._data, self.at[left]).stands(text + b'"')
            numbers[left[same]] = number
            self.at[left[same]] += len(text) + 1
            left = left[~same]
        self.fits &= numbers >= 0
        return numbers

    def _number(self) -> tuple[npt.NDArray[np.uint64], Array, Array | None]:
        """The whole number here, how many digits it has, and where it is negative (None: nowhere)."""
        word = self._words[self.at]
        negative = word & _FIRST_BYTE == MINUS
        if negative.any():
            self.at = self.at + negative
            word = self._words[self.at]
        value, count = self._digits(word)
        self.fits &= (word & _FIRST_BYTE != ZERO) | (count == 1)  # JSON has no 007
        return value, count, negative if negative.any() else None

    def _digits(self, word: Array) -> tuple[npt.NDArray[np.uint64], Array]:
        """The number that 1 to 16 digits here make, and how many they are. `word`: the first eight bytes."""
        value, count = _eight_digits(word)
        long = count == 8
        if long.any():
            rows = slice(None) if long.all() else np.flatnonzero(long)
            more, further = _eight_digits(self._words[self.at[rows] + 8])
            value[rows] = value[rows] * _TENS[further] + more
            count[rows] += further
        self.fits &= count > 0
        self.at = self.at + count
        full = np.flatnonzero(count == 16)
        following = self._data[self.at[full]]
        self.fits[full] &= (following < ZERO) | (following > NINE)
        return value, count


def _eight_digits(word: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.uint64], Array]:
    """The number that the digits at the beginning of eight bytes make, and how many they are."""
    digits = word ^ _ZEROS
    # The highest bit of each byte that is no digit; those after the first such byte do not matter.
    others = ((digits + _ABOVE_NINE) | digits) & _HIGH
    count = np.bitwise_count((others & (~others + np.uint64(1))) - np.uint64(1)) >> 3
    count = np.where(others == 0, 8, count).astype(np.int64)
    # The first digit is the lowest byte: push them all up, so that zeros come before them.
    digits = np.where(
        count == 0, np.uint64(0), digits << (np.uint64(64) - np.uint64(8) * count.astype(np.uint64))
    )
    digits = (digits * np.uint64(10) + (digits >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    digits = (digits * np.uint64(100) + (digits >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    return (digits * np.uint64(10_000) + (digits >> np.uint64(32))) & np.uint64(0xFFFFFFFF), count


class Spelling:
    """How the lines of one kind are spelled. `sample` is what the line it was learned from says.

    `value_last`: the field `value` is anything at all, up to the object's end; only where it stands is
    told, as `value_start` and `value_end`.
    """

    def __init__(self, parts: Parts, sample: Mapping[str, Any], *, value_last: bool = False) -> None:
        self.parts, self.sample, self._value_last = parts, sample, value_last
        self.hits = 0

    def read(self, block: Block, rows: Array, names: Names) -> tuple[Array, dict[str, Array]]:
        """Which of these lines fit, and what their holes hold."""
        cursor = Cursor(block.data, block.starts[rows])
        found = cursor.read(self.parts, names)
        ends = block.ends[rows]
        if self._value_last:
            found |= {"value_start": cursor.at, "value_end": ends - 1}
            return cursor.fits & (cursor.at < ends - 1) & (block.data[ends - 1] == ord("}")), found
        return cursor.fits & (cursor.at == ends), found


class ListSpelling:
    """How lines are spelled that hold a list of records: `head`, items with `between` them, `tail`."""

    def __init__(self, parts: Sequence[Parts], between: bytes, sample: Mapping[str, Any]) -> None:
        self.head, self.item, self.tail = parts
        self.between, self.sample = between, sample
        self.parts = (*self.head, *self.item, between, *self.tail)
        self.hits = 0

    def read(self, block: Block, rows: Array, names: Names) -> tuple[Array, dict[str, Array]]:
        """Which of these lines fit, and of each item `line` (its place in `rows`) and what its holes hold."""
        cursor = Cursor(block.data, block.starts[rows])
        heads = cursor.read(self.head, names)
        fits = np.zeros(len(rows), bool)
        pieces: list[dict[str, Array]] = []
        line = np.flatnonzero(cursor.fits)
        at = cursor.at[line]
        while len(line):
            item = Cursor(block.data, at)
            read = item.read(self.item, names)
            pieces.append({"line": line[item.fits], **{n: column[item.fits] for n, column in read.items()}})
            line, end = line[item.fits], Cursor(block.data, item.at[item.fits])
            more = end.stands(self.between)
            at = end.at[more] + len(self.between)
            end.read(self.tail, names)
            fits[line[end.fits & (end.at == block.ends[rows[line]])]] = True
            line = line[more]
        found = {n: np.concatenate([piece[n] for piece in pieces]) for n in pieces[0]} if pieces else {}
        if pieces:
            kept = np.flatnonzero(fits[found["line"]])
            kept = kept[np.argsort(found["line"][kept], kind="stable")]
            found = {n: column[kept] for n, column in found.items()}
            found |= {n: column[found["line"]] for n, column in heads.items()}
        return fits, found
