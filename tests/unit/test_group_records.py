"""The group coordinator's records: bytes that a broker of Apache Kafka 4.3.1 wrote, and what they mean."""

import pytest

from fairpoll.run.group_records import (
    Group,
    UnknownVersionError,
    committed_offset,
    is_commit,
    partition_of,
    read_key,
)

OFFSET_KEY = bytes.fromhex("00010002673100017400000001")
OFFSET = bytes.fromhex("000400000000000000030000000001000001a2297509010100103f8ff413c44649fc9d1c1c346d4e35de")
CLASSIC_KEY = bytes.fromhex("000200026731")
CLASSIC = bytes.fromhex(
    "00030008636f6e73756d657200000001000572616e6765002c72646b61666b612d36393631336264632d303065382d346539612d"
    "623565352d313738373831306139353939000001a2297507ed00000001002c72646b61666b612d36393631336264632d30306538"
    "2d346539612d623565352d313738373831306139353939ffff000772646b61666b61000a2f3132372e302e302e31000007d00000"
    "07d0000000170003000000010001740000000000000000ffffffff00000000001900000000000100017400000002000000000000"
    "000100000000"
)
CLASSIC_EMPTY = bytes.fromhex("00030008636f6e73756d657200000004ffffffff000001a229752c9600000000")
MEMBER_KEY = bytes.fromhex("00050002673200163636794a634663695456757063614b4d67674e654a77")
MEMBER = bytes.fromhex("000000000872646b61666b610b2f3132372e302e302e3102027401000493e00001000100")
ASSIGNMENT_KEY = bytes.fromhex("00080002673200163636794a634663695456757063614b4d67674e654a77")
ASSIGNMENT = bytes.fromhex(
    "0000000000020000000000023f8ff413c44649fc9d1c1c346d4e35de0300000000000000010100090300000002000000020100"
)
TOPIC_IDS = {bytes.fromhex("3f8ff413c44649fc9d1c1c346d4e35de"): "t"}
BOTH = frozenset({("t", 0), ("t", 1)})


def test_a_commit():
    key = read_key(OFFSET_KEY)
    assert (is_commit(key), key.group, dict(key.fields)) == (True, "g1", {"topic": "t", "partition": 1})
    assert committed_offset(OFFSET) == 3


@pytest.mark.parametrize("version", range(5))
def test_each_version_of_a_commit_begins_with_its_offset(version: int):
    assert committed_offset(version.to_bytes(2, "big") + OFFSET[2:]) == 3


def test_a_deleted_offset():
    assert committed_offset(None) is None


def test_a_classic_group_with_a_member_and_without():
    group = Group({})
    group.take(read_key(CLASSIC_KEY), CLASSIC)
    assert (group.kind, group.generation) == ("classic", 1)
    assert group.members == {"rdkafka-69613bdc-00e8-4e9a-b5e5-1787810a9599": BOTH}
    assert group.static == []
    group.take(read_key(CLASSIC_KEY), CLASSIC_EMPTY)
    assert (group.generation, group.members) == (4, {})


def test_a_group_of_the_consumer_protocol():
    group = Group(TOPIC_IDS)
    group.take(read_key(MEMBER_KEY), MEMBER)
    assert (group.kind, group.members) == ("consumer", {"66yJcFciTVupcaKMggNeJw": frozenset()})
    group.take(read_key(ASSIGNMENT_KEY), ASSIGNMENT)
    assert (group.generation, group.members) == (2, {"66yJcFciTVupcaKMggNeJw": BOTH})
    group.take(read_key(MEMBER_KEY), None)
    assert group.members == {}


def test_a_share_group_is_known_by_its_keys():
    group = Group({})
    group.take(read_key(bytes.fromhex("000b00026733")), bytes.fromhex("0000"))
    assert group.kind == "share"


def test_unknown_types_and_versions_are_refused():
    with pytest.raises(UnknownVersionError, match="type 99"):
        read_key(bytes.fromhex("006300026731"))
    with pytest.raises(UnknownVersionError, match="value of version 5"):
        committed_offset(bytes.fromhex("0005") + OFFSET[2:])
    with pytest.raises(UnknownVersionError, match="value of version 5"):
        Group({}).take(read_key(CLASSIC_KEY), bytes.fromhex("0005") + CLASSIC[2:])


@pytest.mark.parametrize("data", [CLASSIC, ASSIGNMENT])
def test_a_record_that_ends_early_is_an_error(data: bytes):
    key = read_key(CLASSIC_KEY if data is CLASSIC else ASSIGNMENT_KEY)
    for size in range(2, len(data) - 4):
        with pytest.raises(IndexError):
            Group(TOPIC_IDS).take(key, data[:size])


@pytest.mark.parametrize(
    ("group", "partition"),
    # The first two as a broker with four partitions wrote them. Java's String.hashCode of the others is
    # -2147483648, and 1772899 for a character beyond 16 bits, which is two of Java's.
    [("g1", 2), ("g2", 3), ("polygenelubricants", 0), ("\U0001f600", 3)],
)
def test_the_partition_of_a_group(group: str, partition: int):
    assert partition_of(group, 4) == partition
