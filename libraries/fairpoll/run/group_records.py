"""Decodes the group coordinator's records, which `__consumer_offsets` holds.

The formats are those of Apache Kafka 4.3.1. A key begins with its type, a value with its version; see `KEYS`
and the tables of fields below. Types and versions that are not known raise UnknownVersionError.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from fairpoll.contract.records import Partition

# The type of a group: by its members' protocol.
GroupKind = Literal["classic", "consumer", "share", "streams"]
# Key type -> the kind of group that writes it, and the fields after the group's id.
_MEMBER = (("member", "string", 0),)
KEYS: Mapping[int, tuple[GroupKind | None, Sequence[Any]]] = {
    0: (None, (("topic", "string", 0), ("partition", "int32", 0))),
    1: (None, (("topic", "string", 0), ("partition", "int32", 0))),
    2: ("classic", ()),
    **dict.fromkeys((3, 4, 6, 16), ("consumer", ())),
    **dict.fromkeys((5, 7, 8), ("consumer", _MEMBER)),
    **dict.fromkeys(range(10, 16), ("share", ())),
    **dict.fromkeys(range(17, 24), ("streams", ())),
}
_OFFSET_KEYS, _CLASSIC_GROUP, _MEMBER_METADATA, _MEMBER_ASSIGNMENT = (0, 1), 2, 5, 8
# Each field: its name, its type, and the first version that has it.
_OFFSET = (("offset", "int64", 0),)
_GROUP = (
    ("protocol_type", "string", 0),
    ("generation", "int32", 0),
    ("protocol", "string", 0),
    ("leader", "string", 0),
    ("state_timestamp", "int64", 2),
    (
        "members",
        (
            ("member", "string", 0),
            ("instance", "string", 3),
            ("client", "string", 0),
            ("host", "string", 0),
            ("rebalance_timeout", "int32", 1),
            ("session_timeout", "int32", 0),
            ("subscription", "bytes", 0),
            ("assignment", "bytes", 0),
        ),
        0,
    ),
)
_NUMBERS = (("", "int32", 0),)
# A classic member's assignment, in the format of the consumer protocol.
_CLASSIC_ASSIGNMENT = (("topics", (("topic", "string", 0), ("partitions", _NUMBERS, 0)), 0),)
_OWNED = (("topic", "uuid", 0), ("partitions", _NUMBERS, 0))
_CURRENT_ASSIGNMENT = (
    ("epoch", "int32", 0),
    ("previous_epoch", "int32", 0),
    ("state", "int8", 0),
    ("assigned", _OWNED, 0),
    ("revoking", _OWNED, 0),
)
# The newest known version of a value, and the first one with compact lengths and tagged fields.
_NEWEST, _COMPACT = 4, 4
_SIZES = {"int8": 1, "int16": 2, "int32": 4, "int64": 8}


class UnknownVersionError(ValueError):
    """A record has a type or a version that is not known."""


@dataclass(frozen=True)
class Key:
    """A record's key: its type, group and, depending on the type, topic and partition, or member."""

    type: int
    group: str
    fields: Mapping[str, Any]


@dataclass
class Group:
    """The members of a group with their partitions, by its records so far; `take` adds one.

    `kind` is None before the first record other than a commit. `generation` is that of the classic protocol,
    or the highest epoch of a member. `static` are the members of a classic group with a `group.instance.id`.
    `topic_ids` maps a topic's id to its name; other topics are left out.
    """

    topic_ids: Mapping[bytes, str]
    kind: GroupKind | None = None
    generation: int = 0
    members: dict[str, frozenset[Partition]] = field(default_factory=dict)
    static: list[str] = field(default_factory=list)

    def take(self, key: Key, value: bytes | None) -> None:
        """Take a record other than a commit. Raises UnknownVersionError, IndexError."""
        self.kind = KEYS[key.type][0]
        if key.type == _CLASSIC_GROUP:
            self.members, self.static = {}, []
            if value is not None:
                group = _fields(_GROUP, value)
                self.static = [m["member"] for m in group["members"] if m.get("instance") is not None]
                self.generation = group["generation"]
                consumers = group["protocol_type"] == "consumer"
                self.members = {
                    m["member"]: _classic_assignment(m["assignment"]) if consumers else frozenset()
                    for m in group["members"]
                }
        elif key.type == _MEMBER_METADATA and value is None:
            self.members.pop(key.fields["member"], None)
        elif key.type == _MEMBER_METADATA:
            self.members.setdefault(key.fields["member"], frozenset())
        elif key.type == _MEMBER_ASSIGNMENT and value is not None:
            current = _fields(_CURRENT_ASSIGNMENT, value, newest=0, compact=0)
            self.generation = max(self.generation, current["epoch"])
            self.members[key.fields["member"]] = frozenset(
                (self.topic_ids[owned["topic"]], number)
                for owned in (*current["assigned"], *current["revoking"])
                if owned["topic"] in self.topic_ids
                for number in owned["partitions"]
            )


def read_key(data: bytes) -> Key:
    """Decode a record's key. Raises UnknownVersionError, IndexError."""
    reader = _Reader(data, compact=False)
    key_type = reader.value("int16")
    if key_type not in KEYS:
        raise UnknownVersionError(f"a record of type {key_type}")
    group = reader.value("string")
    return Key(key_type, group, reader.struct(KEYS[key_type][1], 0))


def is_commit(key: Key) -> bool:
    """Whether the record is a committed offset."""
    return key.type in _OFFSET_KEYS


def committed_offset(value: bytes | None) -> int | None:
    """The offset of a commit; None if it was deleted. Raises UnknownVersionError, IndexError."""
    return None if value is None else int(_fields(_OFFSET, value)["offset"])


def partition_of(group: str, partitions: int) -> int:
    """The partition of `__consumer_offsets` that has the group's records: Java's hash of its id."""
    number = 0
    encoded = group.encode("utf-16-be", "surrogatepass")
    for at in range(0, len(encoded), 2):
        number = (31 * number + int.from_bytes(encoded[at : at + 2], "big")) & 0xFFFFFFFF
    if number == 1 << 31:  # has no absolute value in Java
        return 0
    return min(number, (1 << 32) - number) % partitions


def _classic_assignment(data: bytes | None) -> frozenset[Partition]:
    """The partitions of a classic member; each version of the format begins with the same fields."""
    if not data:
        return frozenset()
    reader = _Reader(data, compact=False)
    reader.value("int16")
    topics = reader.struct(_CLASSIC_ASSIGNMENT, 0)["topics"]
    return frozenset((one["topic"], number) for one in topics for number in one["partitions"])


def _fields(
    schema: Sequence[Any], value: bytes, *, newest: int = _NEWEST, compact: int = _COMPACT
) -> dict[str, Any]:
    version = int.from_bytes(value[:2], "big", signed=True)
    if not 0 <= version <= newest:
        raise UnknownVersionError(f"a record with a value of version {version}")
    return _Reader(value[2:], compact=version >= compact).struct(schema, version)


class _Reader:
    """Reads fields one after the other; IndexError where the bytes end early."""

    def __init__(self, data: bytes, *, compact: bool) -> None:
        self._data, self._at, self._compact = data, 0, compact

    def struct(self, schema: Sequence[Any], version: int) -> dict[str, Any]:
        """The fields of a table that this version has; a field whose type is a table is a list of these."""
        return {
            name: self.value(kind) if isinstance(kind, str) else self._list(kind, version)
            for name, kind, since in schema
            if version >= since
        }

    def value(self, kind: str) -> Any:
        if size := _SIZES.get(kind):
            return int.from_bytes(self._take(size), "big", signed=True)
        if kind == "uuid":
            return self._take(16)
        length = self._length(2 if kind == "string" else 4)
        data = None if length is None else self._take(length)
        return data.decode() if data is not None and kind == "string" else data

    def _list(self, schema: Sequence[Any], version: int) -> list[Any]:
        count = self._length(4) or 0
        if schema is _NUMBERS:
            return [self.value("int32") for _ in range(count)]
        items = []
        for _ in range(count):
            items.append(self.struct(schema, version))
            self._skip_tags()
        return items

    def _length(self, size: int) -> int | None:
        length = self._varint() - 1 if self._compact else int.from_bytes(self._take(size), "big", signed=True)
        return None if length < 0 else length

    def _skip_tags(self) -> None:
        for _ in range(self._varint() if self._compact else 0):
            self._varint()
            self._take(self._varint())

    def _varint(self) -> int:
        number = shift = 0
        while True:
            (byte,) = self._take(1)
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    def _take(self, size: int) -> bytes:
        data = self._data[self._at : self._at + size]
        if len(data) < size:
            raise IndexError("the record ends early")
        self._at += size
        return data
