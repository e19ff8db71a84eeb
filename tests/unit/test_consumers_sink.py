"""What the sink writes: json's own judgement of what is poison, whole batches, torn ends; runs of records."""

import contextlib
import json
import resource
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_consumers_parts import Fake

from fairpoll.base.errors import ConsumerError
from fairpoll.consumers.base import consumed_event
from fairpoll.consumers.record import runs
from fairpoll.consumers.sink import MOST_BYTES, FileSink, PoisonError, UnwrittenError
from fairpoll.contract.events import dump

NASTY = [
    b"null", b"NaN", b"-Infinity", b"[NaN]", b"1e400", b"-0", b"01", b"1.", b".5", b"1E5", b"-",
    b"18446744073709551616",
    b"1" + b"0" * 400, b"1" * 4300, b"1" * 4301, b"1" + b"0" * 5000, b'{"a":1,"a":2}', b'{"a":1,}',
    b"[1,]", b"1 2",
    b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\ud83d\\ude00"', b'"\\u0000"', b'"\x00"', b'"\x7f"',
    b'"\x1f"', b'"\\x"',
    b'"\xed\xa0\x80"', b'"\xff"', b'"\xc0\x80"', b'"\xf4\x90\x80\x80"', b"\xef\xbb\xbf1",
    "1".encode("utf-16"),
    '{"ä":"\u2028"}'.encode(), '"ä"'.encode("utf-16-le"), '"ä"'.encode("utf-32"), b"1\x00", b" 1 ",
    b"\x0b1", b"\xc2\xa01",
    b'{\n "a": 1\n}', b"\r1", b"[1,\r\n2]", b"\n", b" ", b"'a'", b"{1:2}", b"true", b"True", b"nul",
    b"[", b"]", b'"',
    b"[" * 499 + b"]" * 499, b"[" * 900 + b"]" * 900, b"[" * 985 + b"]" * 985, b"[" * 1010 + b"]" * 1010,
    b"[" * 1100 + b"]" * 1100, b"[" * 100_000, b'{"a":' * 600 + b"1" + b"}" * 600,
    b'"' + b"[" * 2000 + b'"',
]  # fmt: skip


def old_line(value: bytes) -> object:
    """What the sink wrote before it knew orjson, as it is read back; an exception of what was poison."""
    try:
        return json.loads(json.dumps(json.loads(value), ensure_ascii=False))
    except (ValueError, RecursionError) as error:
        return type(error)


def new_line(folder: Path, value: bytes) -> object:
    file = folder / "a.json"
    file.unlink(missing_ok=True)
    with FileSink(folder, {"a": "a.json"}, None) as sink:
        try:
            assert sink.write([Fake("a", 5, 2, value)]) == 1
        except PoisonError as error:
            assert file.read_bytes() == b""
            return type(error.__context__)
    (line,) = file.read_bytes().splitlines()
    read = json.loads(line.decode(errors="surrogatepass"))
    assert list(read) == ["topic", "partition", "offset", "delivered_ms", "value"]
    assert (read["topic"], read["partition"], read["offset"]) == ("a", 2, 5)
    return read["value"]


def assert_alike(folder: Path, value: bytes) -> None:
    # As text: NaN is not equal to itself, and 1 is to 1.0.
    assert repr(new_line(folder, value)) == repr(old_line(value)), value[:80]


@pytest.mark.parametrize("value", NASTY, ids=lambda value: repr(value[:20]))
def test_what_was_poison_is_poison_and_all_else_is_read_back_as_before(value: bytes, tmp_path: Path):
    assert_alike(tmp_path, value)


alike = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)


@alike
@given(
    data=VALUES,
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 1]),
    encoding=st.sampled_from(["utf-8", "utf-16"]),
)
def test_any_json_in_any_spelling(
    data: object, ascii_only: bool, indent: int | None, encoding: str, tmp_path: Path
):
    text = json.dumps(data, ensure_ascii=ascii_only, indent=indent)
    assert_alike(tmp_path, text.encode(encoding, "surrogatepass"))


@alike
@given(data=VALUES, at=st.integers(0, 100), byte=st.integers(0, 255), cut=st.booleans())
def test_json_that_was_damaged(data: object, at: int, byte: int, cut: bool, tmp_path: Path):
    text = bytearray(json.dumps(data, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    if cut:
        del text[at % len(text) :]
    else:
        text[at % len(text)] = byte
    if text:  # no value at all is null
        assert_alike(tmp_path, bytes(text))


ALMOST_JSON = st.text(st.sampled_from('{}[]",:0123.eE+-\\ u\nnulatrf'), min_size=1).map(str.encode)


@alike
@given(value=st.binary(min_size=1, max_size=40) | ALMOST_JSON)
def test_any_bytes(value: bytes, tmp_path: Path):
    assert_alike(tmp_path, value)


def test_a_batch_is_written_up_to_the_first_poison(tmp_path: Path):
    values = [b"1", b"2", b"poison", b"4"]
    records = [Fake("a", offset, v=value) for offset, value in enumerate(values)]
    with FileSink(tmp_path, {"a": "a.json"}, None) as sink:
        assert sink.write(records) == 2
        with pytest.raises(PoisonError):
            sink.write(records[2:])
        assert sink.write(records[3:]) == 1
    assert [line["value"] for line in lines(tmp_path / "a.json")] == [1, 2, 4]


def test_a_write_is_not_much_larger_than_a_megabyte(tmp_path: Path):
    records = [Fake("a", offset, v=b'"' + b"x" * 400_000 + b'"') for offset in range(10)]
    with FileSink(tmp_path, {"a": "a.json"}, None) as sink:
        written = sink.write(records)
    assert MOST_BYTES < (tmp_path / "a.json").stat().st_size < MOST_BYTES + 500_000
    assert [line["offset"] for line in lines(tmp_path / "a.json")] == list(range(written))


def test_a_limit_ordered_during_a_batch_begins_after_it(tmp_path: Path):
    with FileSink(tmp_path, {"a": "a.json"}, rate=None) as sink:
        batch = [Fake("a", offset) for offset in range(1000)]
        sink.pace.set_rate(1.0)
        sink.write(batch)
        assert sink.pace.seconds_to_turn <= 1


def test_what_stands_in_the_file_whole_counts_where_the_disk_is_full(tmp_path: Path):
    records = [Fake("a", offset, v=b'"' + b"x" * 100 + b'"') for offset in range(50)]
    with FileSink(tmp_path, {"a": "a.json"}, None) as sink, file_limit(3_000):
        with pytest.raises(UnwrittenError, match="File too large") as error:
            sink.write(records)
        held = (tmp_path / "a.json").read_bytes()
    assert len(held) == 3_000
    assert error.value.written == held.count(b"\n") > 10
    assert isinstance(error.value, ConsumerError)


@pytest.mark.parametrize("batches", [1, 7, 40])
def test_a_sink_that_is_killed_leaves_whole_lines_and_a_torn_one_at_most(batches: int, tmp_path: Path):
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from fairpoll.consumers.sink import FileSink
        from test_consumers_parts import Fake
        offset = 0
        with FileSink(Path(sys.argv[1]), {"a": "a.json"}, None) as sink:
            while True:
                offset += sink.write([Fake("a", offset + n) for n in range(500)])
                print(offset, flush=True)
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    ) as process:
        assert process.stdout
        counted = [int(process.stdout.readline()) for _ in range(batches)][-1]
        process.send_signal(signal.SIGKILL)
        counted = max([counted, *(int(line) for line in process.stdout if line.endswith("\n"))])
    held = (tmp_path / "a.json").read_bytes()
    whole = [json.loads(line)["offset"] for line in held[: held.rfind(b"\n") + 1].splitlines()]
    assert whole == list(range(len(whole)))
    assert len(whole) >= counted  # what was reported is in the file


def test_the_event_of_a_batch_is_spelled_as_all_events():
    records = [Fake('t"ä', offset, 3) for offset in (7, 8, 11)]
    line = consumed_event(records)
    event = json.loads(line)
    assert line == dump(event) + "\n"
    assert list(event) == ["timestamp", "name", "records"]
    assert event["records"] == [{"topic": 't"ä', "partition": 3, "offset": n} for n in (7, 8, 11)]


def test_runs_are_of_one_partition_each_and_lose_nothing():
    partitions = [("a", 0), ("a", 0), ("b", 0), ("a", 0), ("a", 1), ("b", 1), ("b", 1), ("c", 2)]
    records = [Fake(topic, offset, partition) for offset, (topic, partition) in enumerate(partitions)]
    found = [(partition, [record.o for record in some]) for partition, some in runs(records)]
    assert found[:3] == [(("a", 0), [0, 1]), (("b", 0), [2]), (("a", 0), [3])]
    assert found[3:] == [(("a", 1), [4]), (("b", 1), [5, 6]), (("c", 2), [7])]
    assert list(runs([])) == []


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@contextlib.contextmanager
def file_limit(size: int) -> Iterator[None]:
    """No file grows beyond this number of bytes: like a full disk, a part of a write is taken first."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
