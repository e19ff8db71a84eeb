"""What a consumer can be judged by: its files, its events, or nothing but what its group committed."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

import documents
from fairpoll.base.errors import HistoryError
from fairpoll.checkers import judge
from fairpoll.contract.events import dump
from fairpoll.contract.output_fields import OUR_FIELDS, Fields
from fairpoll.contract.records import checksum_of
from fairpoll.contract.subject import JudgedConsumer
from fairpoll.evidence import layout
from fairpoll.evidence.history import Recording
from fairpoll.evidence.reading import tables
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.evidence.reading.strict import NOWHERE, check_event, check_output
from fairpoll.run.outputs import DeliveryCounter
from fairpoll.verdicts.shown import not_shown
from histories import SCENARIO, acked, consumer, delivered, recording
from recordings import Sizes, write_recording

CONTRACT = Path(__file__).parents[2] / "docs" / "reference" / "consumer-contract.md"
START_MS = 1_000_000.0
TOPIC = "low.r"
NAMES = {"high": "high.r", "low": TOPIC}


def line(name: str, at: float, **fields: object) -> str:
    return dump({"timestamp": START_MS + at * 1000, "name": name, **fields}) + "\n"


def sent(sequence: int) -> str:
    at = {"intended_ms": START_MS + sequence * 1000, "sent_ms": START_MS + sequence * 1000}
    where = {"topic": "low", "partition": 0, "offset": sequence, "sequence": sequence}
    return line("producer_send_success", sequence, **where, **at, batch=sequence, checksum=1)


def listed(*offsets: int) -> list[dict[str, object]]:
    return [{"topic": TOPIC, "partition": 0, "offset": offset} for offset in offsets]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recording of four messages and a consumer `c` that has left nothing yet."""
    facts = {
        "run_id": "r",
        "scenario": SCENARIO.to_json(),
        "speed": 1.0,
        "cluster": {"kind": "local", "description": "Kafka"},
        "topics": {"high": "high.r", "low": TOPIC},
        "consumers": ["c"],
        "start_ms": START_MS,
        "stopped_ms": START_MS + 60_000,
        "complete": True,
    }
    (tmp_path / layout.RUN).write_text(json.dumps(facts), "utf-8")
    (tmp_path / layout.LEDGER).write_text("".join(map(sent, range(4))), "utf-8")
    (tmp_path / "c").mkdir()
    return tmp_path


def judged(recording: Recording, criterion: str, **thresholds: object) -> tuple[str, str]:
    finding = judge(criterion, recording, "c", **thresholds)
    return finding.status, finding.sentence


def test_events_tell_which_records_but_not_what_they_hold(folder: Path):
    events = line("partitions_assigned", 0, partitions=[{"topic": TOPIC, "partition": 0}])
    events += line("records_consumed", 1.5, records=listed(0, 1)) + line(
        "records_consumed", 3.5, records=listed(2)
    )
    (folder / "c" / layout.EVENTS).write_text(events, "utf-8")
    recording = load_recording(folder)
    unread = "c never read 1 record of low/0, expected 0: low/0@3"
    assert judged(recording, "nothing_lost") == ("fail", unread)
    assert judged(recording, "order_kept")[0] == "pass"
    assert judged(recording, "only_while_assigned")[0] == "pass"
    assert judged(recording, "content_intact") == (
        "inconclusive",
        "c leaves no evidence of what the records it delivered hold"
        "; docs/reference/consumer-contract.md lists what it can report",
    )
    assert judged(recording, "right_place")[0] == "inconclusive"
    (waited,) = [r.at for r in recording.consumers["c"].delivered if r.offset == 2]
    assert waited == 3.5


@pytest.mark.parametrize(
    ("order", "before_ms", "status"),
    [
        (("record", "revoked"), 0, "pass"),
        (("record", "revoked"), 1, "pass"),
        (("record", "revoked"), 300, "fail"),
        (("revoked", "record"), 0, "fail"),
        (("record", "revoked", "record"), 0, "fail"),
        (("record", "revoked", "record"), 1, "fail"),
        (("record", "revoked", "assigned", "record"), 0, "pass"),
    ],
)
def test_the_order_of_lines_decides_on_a_record_and_a_revocation_in_one_millisecond(
    folder: Path, order: tuple[str, ...], before_ms: int, status: str
):
    owned = {"partitions": [{"topic": TOPIC, "partition": 0}]}
    offsets = iter(range(4))
    written = line("partitions_assigned", 0, **owned)
    for what in order:
        if what == "record":
            written += line("records_consumed", 2, records=listed(next(offsets)))
        else:
            written += line(f"partitions_{what}", 2 - before_ms / 1000, **owned)
    (folder / "c" / layout.EVENTS).write_text(written, "utf-8")
    assert judged(load_recording(folder), "only_while_assigned")[0] == status


def test_the_time_of_a_delivery_is_the_consumers_own(tmp_path: Path):
    """A consumer that claims to have delivered earlier is believed."""
    write_recording(tmp_path)
    output = tmp_path / "c" / "low_vol.json"
    waited = {"volume": "low", "seconds": 0.4}
    assert judged(load_recording(tmp_path), "oldest_wait_at_most", **waited)[0] == "fail"
    lines = [json.loads(text) for text in output.read_text("utf-8").splitlines()]
    earlier = [{**line, "delivered_ms": line["delivered_ms"] - 200} for line in lines]
    output.write_text("".join(dump(line) + "\n" for line in earlier), "utf-8")
    assert judged(load_recording(tmp_path), "oldest_wait_at_most", **waited)[0] == "pass"


def test_the_documented_events_and_lines_are_read():
    events, lines = (
        [json.loads(line) for line in block.code.splitlines()]
        for block in documents.blocks(CONTRACT)
        if block.language == "json"
    )
    assert [check_event(event) for event in events] == events
    assert len({event["name"] for event in events}) == len(events) > 5
    assert [check_output(line, OUR_FIELDS, {}) for line in lines] == lines


def test_commits_alone_show_waiting_but_not_which_records(folder: Path):
    def committed(at: float, offset: int, *, final: bool = False) -> str:
        return line("committed_offsets", at, consumer="c", offsets=listed(offset), final=final)

    samples = committed(1.25, 1) + committed(5, 3) + committed(6, 3, final=True)
    (folder / layout.SAMPLES).write_text(samples, "utf-8")
    recording = load_recording(folder)
    assert [(r.offset, r.at) for r in recording.consumers["c"].delivered] == [(0, 1.25), (1, 5.0), (2, 5.0)]
    status, sentence = judged(recording, "oldest_wait_at_most", volume="low", seconds=5)
    assert (status, "low/0@3" in sentence) == ("fail", True)
    for criterion in (
        "nothing_lost", "content_intact", "only_acked_delivered", "right_place", "no_forbidden_duplicates",
        "order_kept", "only_while_assigned", "commits_never_ahead", "commits_never_back", "commits_caught_up",
        "membership_kept",
    ):  # fmt: skip
        status, sentence = judged(recording, criterion)
        assert (status, sentence[:20]) == ("inconclusive", "c leaves no evidence")


def test_a_member_that_left_neither_records_nor_commits_delivered_nothing(folder: Path):
    (folder / layout.SAMPLES).write_text("", "utf-8")
    events = folder / "c" / layout.EVENTS
    owned = [{"topic": TOPIC, "partition": 0}]
    events.write_text(line("partitions_assigned", 0, partitions=owned), "utf-8")
    recording = load_recording(folder)
    status, sentence = judged(recording, "nothing_lost")
    assert (status, sentence) == (
        "fail",
        "c delivered none of 4 acked messages, expected all: no output file, no records_consumed event "
        "and no commit of it was seen",
    )
    assert judged(recording, "oldest_wait_at_most", volume="low", seconds=1)[0] == "fail"
    for criterion in ("order_kept", "only_acked_delivered", "no_forbidden_duplicates", "content_intact"):
        assert judged(recording, criterion)[0] == "inconclusive"
    declared = replace(recording.facts, judged={"c": JudgedConsumer("c", ())})
    assert not_shown("nothing_lost", replace(recording, facts=declared), "c") is None
    assert not_shown("order_kept", replace(recording, facts=declared), "c") == "records"


def test_a_consumer_that_nobody_saw_join_may_have_delivered_anywhere(folder: Path):
    (folder / layout.SAMPLES).write_text("", "utf-8")
    (folder / "c" / layout.EVENTS).write_text("", "utf-8")
    assert judged(load_recording(folder), "nothing_lost")[0] == "inconclusive"


def test_what_may_be_due_to_seldom_commits_is_in_doubt_and_what_is_not_fails(folder: Path):
    def committed(at: float, offset: int) -> str:
        return line("committed_offsets", at, consumer="c", offsets=listed(offset), final=False)

    samples = committed(10, 1) + committed(20, 2) + committed(30, 3)
    (folder / layout.SAMPLES).write_text(samples, "utf-8")
    recording = load_recording(folder)
    # 0, 1 and 2 waited for up to 28 s by their commits, which came 10 s apart; 3 waits to the end.
    for seconds, status in ((50, "inconclusive"), (60, "pass"), (40, "fail")):
        assert judged(recording, "oldest_wait_at_most", volume="low", seconds=seconds)[0] == status
    status, sentence = judged(recording, "delivered_at_least", volume="low", records=4)
    assert (status, "by its commits alone, which came 10.0 s apart" in sentence) == ("inconclusive", True)


@pytest.mark.parametrize(
    ("commits", "status", "known"),
    [
        ([], "inconclusive", "and committed nothing"),
        ([(30, 4)], "inconclusive", "and committed once"),
        # The end of a long batch, then of short ones in the drain: it may have delivered all of it at once.
        ([(30, 2), (30.1, 3), (30.2, 4)], "inconclusive", "which came 0.1 s apart"),
        # It committed once a second, and not these.
        ([(1, 1), (2, 2), (3, 3), (30, 4)], "inconclusive", "which came 1.0 s apart"),
        # Every 10 s, as regularly as clients do.
        ([(9.9, 1), (20, 2), (29.9, 3), (40.2, 4)], "fail", ""),
        ([(1, 1), (2, 2), *((at, 2 + at / 100) for at in range(3, 30)), (30, 4)], "fail", ""),
    ],
)
def test_what_commits_alone_show_of_a_wait(
    folder: Path, commits: list[tuple[float, float]], status: str, known: str
):
    """By its commits the last message waited for 27 s."""
    high = {"topic": "high.r", "partition": 0}
    samples = "".join(
        line("committed_offsets", at, consumer="c", offsets=listed(offset), final=False)
        if isinstance(offset, int)
        else line("committed_offsets", at, consumer="c", offsets=[{**high, "offset": int(at)}], final=False)
        for at, offset in commits
    )
    (folder / layout.SAMPLES).write_text(samples, "utf-8")
    found, sentence = judged(load_recording(folder), "oldest_wait_at_most", volume="low", seconds=5)
    assert found == status, sentence
    assert not known or f"c is judged by its commits alone, {known}: " in sentence


def test_commits_excuse_nothing_that_is_no_delivery(folder: Path):
    (folder / layout.SAMPLES).write_text(
        line("committed_offsets", 1, consumer="c", offsets=listed(2), final=False), "utf-8"
    )
    recording = load_recording(folder)
    history = replace(recording.consumers["c"], memory=[(1.0, 300 << 20)])
    heavy = replace(recording, consumers={"c": history})
    assert judged(heavy, "memory_bounded", mebibytes=256.0)[0] == "fail"


def test_a_consumer_that_left_nothing_has_served_nobody(folder: Path):
    recording = load_recording(folder)
    assert recording.consumers["c"].delivered == []
    assert judged(recording, "oldest_wait_at_most", volume="low", seconds=5)[0] == "inconclusive"
    assert judged(recording, "nothing_lost")[0] == "inconclusive"


def test_what_counts_while_it_runs_is_the_best_evidence(folder: Path):
    counter = DeliveryCounter(folder, SCENARIO, {"c": (folder / "c", OUR_FIELDS)}, NAMES, Sizes())
    assert counter.summary() == "c: high 0, low 0"
    (folder / layout.SAMPLES).write_text(
        line("committed_offsets", 1, consumer="c", offsets=listed(2)), "utf-8"
    )
    assert counter.totals() == {"c": 2}
    events = line("records_consumed", 1, records=listed(0, 1, 1, 2)) + line(
        "records_consumed", 2, records=[{}]
    )
    (folder / "c" / layout.EVENTS).write_text(events, "utf-8")
    assert counter.count()["c"]["low"] == 3
    (folder / "c" / "low_vol.json").write_text("".join(dump(s) + "\n" for s in listed(0, 1, 2, 3)), "utf-8")
    assert counter.count()["c"]["low"] == 4


BIZON = Fields.parse(
    "topic=data.topic partition=data.partition offset=data.offset value=data.value delivered=at"
)


def bizon_line(offset: int, at: str) -> str:
    data = dump({"topic": TOPIC, "partition": 0, "offset": offset, "value": {"id": f"r:low:{offset}"}})
    return dump({"data": data, "at": at}) + "\n"


def declare(folder: Path, fields: Fields) -> None:
    facts = json.loads((folder / layout.RUN).read_text("utf-8"))
    (folder / layout.RUN).write_text(json.dumps({**facts, "fields": {"c": asdict(fields)}}), "utf-8")


def test_a_file_of_another_spelling_is_read_by_its_declared_fields(folder: Path):
    declare(folder, BIZON)
    lines = bizon_line(0, "1970-01-01T00:16:41.500+00:00") + bizon_line(1, "1970-01-01T00:16:42")
    (folder / "c" / "low_vol.json").write_text(lines, "utf-8")
    recording = load_recording(folder)
    assert [(r.offset, r.at) for r in recording.consumers["c"].delivered] == [(0, 1.5), (1, 2.0)]
    assert judged(recording, "content_intact")[0] == "fail"  # the body is not what was sent
    counter = DeliveryCounter(folder, SCENARIO, {"c": (folder / "c", BIZON)}, NAMES, Sizes())
    assert counter.count() == {"c": {"high": 0, "low": 2}}


def test_a_file_that_tells_only_ids_is_matched_with_the_ledger(folder: Path):
    by_id = Fields.parse("id=event.id delivered=event.ms")
    declare(folder, by_id)
    lines = [{"event": {"id": f"r:low:{n}", "ms": START_MS + 1000 * n + 100}} for n in (0, 2, 9)]
    (folder / "c" / "low_vol.json").write_text("".join(dump(line) + "\n" for line in lines), "utf-8")
    recording = load_recording(folder)
    assert judged(recording, "nothing_lost")[1] == (
        "c lost 1 of 4 acked messages, expected 0: low/0@1; and never read 1 record of low/0, "
        "expected 0: low/0@3"
    )
    assert judged(recording, "only_acked_delivered")[0] == "fail"
    assert judged(recording, "content_intact")[0] == "inconclusive"
    counter = DeliveryCounter(folder, SCENARIO, {"c": (folder / "c", by_id)}, NAMES, Sizes())
    assert counter.count() == {"c": {"high": 0, "low": 3}}


def test_a_declared_field_that_is_not_there_is_named(folder: Path):
    declare(folder, BIZON)
    path = folder / "c" / "low_vol.json"
    path.write_text(dump({"data": "{}", "at": 5}) + "\n", "utf-8")
    with pytest.raises(HistoryError, match=r"low_vol.json: line 1: no 'data.topic'"):
        load_recording(folder)
    path.write_text(bizon_line(0, "yesterday"), "utf-8")
    with pytest.raises(HistoryError, match=r"line 1: .*yesterday"):
        load_recording(folder)


@pytest.mark.parametrize("wrong", ["topic", "topic=", "colour=a.b", "=x"])
def test_wrong_declarations(wrong: str):
    with pytest.raises(ValueError, match="is not one of topic, partition, offset, delivered, value, id"):
        Fields.parse(wrong)


def ledger_with(folder: Path, *offsets: int | None) -> None:
    """The messages 0, 1, ... of one partition, acked at these offsets."""
    lines = [json.loads(sent(n)) | {"offset": offset} for n, offset in enumerate(offsets)]
    (folder / layout.LEDGER).write_text("".join(dump(line) + "\n" for line in lines), "utf-8")


@pytest.mark.parametrize(
    "offsets", [(0, None, 2), (None, None, 2), (0, None, None, 3), (0, 1, None)], ids=str
)
def test_a_message_acked_without_its_offset_stands_between_its_neighbours(
    folder: Path, offsets: tuple[int | None, ...]
):
    ledger_with(folder, *offsets)
    assert [m.offset for m in load_recording(folder).acked] == list(range(len(offsets)))


@pytest.mark.parametrize("offsets", [(0, None, 5), (None, None)], ids=str)
def test_where_neighbours_do_not_tell_the_offset_nothing_is_guessed(
    folder: Path, offsets: tuple[int | None, ...]
):
    ledger_with(folder, *offsets)
    with pytest.raises(HistoryError, match=r"the offset of message \d of low/0 cannot be determined"):
        load_recording(folder)


def test_a_body_that_stands_as_text_is_what_the_text_says(folder: Path):
    declare(folder, BIZON)
    body = {"id": "r:low:0", "n": 1}
    for value in (body, json.dumps(body)):
        data = dump({"topic": TOPIC, "partition": 0, "offset": 0, "value": value})
        (folder / "c" / "low_vol.json").write_text(dump({"data": data, "at": START_MS}) + "\n", "utf-8")
        (record,) = load_recording(folder).consumers["c"].delivered
        assert record.checksum == checksum_of(body)


def test_who_does_not_keep_the_sinks_rate_is_not_put_to_the_test():
    # The rate allows 10 a second; 901 of 901 came at once.
    messages = acked("high", *([0.0] * 900)) + acked("low", 0)
    reads = consumer("c", *(delivered("high", n, 1) for n in range(900)), delivered("low", 0, 1))
    made = recording(messages, reads)
    found = judge("oldest_wait_at_most", made, "c", volume="low", seconds=5)
    assert found.status == "inconclusive"
    doubt = "where its sink's rate allows 0, and 100 at once: it ignores FAIRPOLL_SINK_RATE"
    assert doubt in found.sentence
    assert doubt in judge("recording_is_sound", made, "run").sentence
    assert judge("nothing_lost", made, "c").status == "pass"


def tear(folder: Path, *numbers: int) -> Recording:
    """Removes the end of these lines (from 1) of the output file."""
    output = folder / "c" / "low_vol.json"
    lines = output.read_bytes().splitlines()
    torn = [line[:-5] if number in numbers else line for number, line in enumerate(lines, 1)]
    output.write_bytes(b"".join(line + b"\n" for line in torn))
    return load_recording(folder)


def lengthen(folder: Path, text: str) -> Recording:
    with (folder / "c" / layout.EVENTS).open("a", encoding="utf-8") as file:
        file.write(text)
    return load_recording(folder)


def drained(made: Recording) -> Recording:
    return replace(made, scenario=replace(made.scenario, drain=True))


MAY_STAND = "1 missing record may stand in lines of c that cannot be read"


def test_a_torn_line_is_a_finding_with_file_and_line(tmp_path: Path):
    write_recording(tmp_path)
    assert judged(load_recording(tmp_path), "output_readable")[0] == "pass"
    status, sentence = judged(tear(tmp_path, 2), "output_readable")
    assert status == "fail"
    assert sentence.startswith(
        'c wrote 1 line that cannot be read, expected none: line 2 of low_vol.json is not JSON: \'{"topic"'
    )


def test_a_record_that_may_stand_in_a_torn_line_is_not_lost(tmp_path: Path):
    write_recording(tmp_path)
    whole = drained(load_recording(tmp_path))
    torn = drained(tear(tmp_path, 2))
    for criterion, thresholds in {
        "nothing_lost": {},
        "oldest_wait_at_most": {"volume": "low", "seconds": 2},
        "commits_caught_up": {},
        "delivered_at_least": {"volume": "low", "records": 4},
    }.items():
        assert judged(whole, criterion, **thresholds)[0] == "pass", criterion
        status, sentence = judged(torn, criterion, **thresholds)
        expected = "pass" if criterion == "commits_caught_up" else "inconclusive"
        assert status == expected, (criterion, sentence)
        assert sentence.startswith(MAY_STAND) == (expected == "inconclusive")
    assert judged(torn, "content_intact")[0] == "inconclusive"
    assert judged(torn, "order_kept")[0] == "pass"


def test_a_torn_last_record_excuses_the_commit_after_it(tmp_path: Path):
    write_recording(tmp_path)
    assert judged(tear(tmp_path, 4), "commits_caught_up")[0] == "pass"  # never behind the sink


def test_more_records_than_torn_lines_are_lost(tmp_path: Path):
    write_recording(tmp_path)
    output = tmp_path / "c" / "low_vol.json"
    output.write_bytes(b"".join(output.read_bytes().splitlines(keepends=True)[:3]))
    assert judged(drained(tear(tmp_path, 2)), "nothing_lost") == (
        "fail",
        "c lost 2 of 4 acked messages, expected 0: low/0@1, low/0@3"
        "; at most 1 of them may stand in lines that cannot be read",
    )


def test_an_altered_record_beside_a_torn_line_fails(tmp_path: Path):
    write_recording(tmp_path)
    output = tmp_path / "c" / "low_vol.json"
    output.write_text(output.read_text("utf-8").replace("message 0 of", "message 1 of"), "utf-8")
    assert judged(tear(tmp_path, 2), "content_intact")[0] == "fail"


def test_a_log_line_among_the_events_excuses_no_lost_record(tmp_path: Path):
    write_recording(tmp_path)
    output = tmp_path / "c" / "low_vol.json"
    output.write_bytes(b"".join(output.read_bytes().splitlines(keepends=True)[:3]))
    made = drained(lengthen(tmp_path, "INFO started\n"))
    assert judged(made, "nothing_lost")[0] == "fail"
    assert judged(made, "output_readable") == (
        "fail",
        "c wrote 1 line that cannot be read, expected none: line 2 of events.jsonl is not JSON: "
        "'INFO started'; a consumer's log belongs on standard error, or needs --log-on-stdout yes",
    )


BROKEN_EVENT = '{"timestamp":1000400,"name":"records_consumed"}\n'
LOG_LINES = (
    "INFO started\n",
    '{"level":"info","message":"no time and no name"}\n',
    '{"timestamp":1000400,"name":"my.logger","message":"records_consumed"}\n',
    '{"timestamp":"2026-11-30T14:00:00Z","name":["records_consumed"]}\n',
    '{"name":"records_consumed","records":[{"topic"\n',
    "[1, 2]\n",
    "17\n",
)


def with_log(folder: Path) -> None:
    """Declare in the recording that the standard output of `c` is a log."""
    facts = json.loads((folder / layout.RUN).read_text("utf-8"))
    facts["judged"] = {"c": {"command": "./c", "shows": [], "restart": False, "log_on_stdout": True}}
    (folder / layout.RUN).write_text(json.dumps(facts), "utf-8")


@pytest.mark.parametrize("small_bytes", [0, 1 << 60], ids=["by DuckDB", "strictly"])
def test_events_are_read_from_among_the_lines_of_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_bytes: int
):
    monkeypatch.setattr(tables, "SMALL_BYTES", small_bytes)
    write_recording(tmp_path)
    with_log(tmp_path)
    (tmp_path / "c" / "low_vol.json").unlink()
    consumed = [line("records_consumed", n + 0.5, records=listed(n)) for n in range(4)]
    lines = [text for n, one in enumerate(consumed) for text in (*LOG_LINES[n:], one, *LOG_LINES[:n])]
    made = drained(lengthen(tmp_path, "".join(lines)))
    assert len(made.consumers["c"].delivered) == 4
    assert judged(made, "nothing_lost")[0] == "pass"
    assert judged(made, "output_readable")[0] == "pass"
    # What is clearly a broken event is a finding in a log, too.
    made = lengthen(tmp_path, BROKEN_EVENT)
    status, sentence = judged(made, "output_readable")
    assert status == "fail"
    assert "c wrote 1 line that cannot be read" in sentence
    assert "no 'records'" in sentence
    assert "--log-on-stdout" not in sentence


def test_a_log_without_any_event_leaves_the_other_evidence(tmp_path: Path):
    write_recording(tmp_path)
    events = tmp_path / "c" / layout.EVENTS
    (tmp_path / "c" / "low_vol.json").unlink()
    events.write_text("INFO started\n", "utf-8")
    with pytest.raises(HistoryError, match=r"line 1: not JSON.*needs --log-on-stdout yes"):
        load_recording(tmp_path)
    with_log(tmp_path)
    events.write_text("".join(LOG_LINES), "utf-8")
    made = load_recording(tmp_path)
    assert len(made.consumers["c"].delivered) == 4  # by its commits
    assert judged(made, "output_readable")[0] == "pass"


def report(folder: Path, *events: tuple[int, ...], torn: str = "") -> Recording:
    """The consumer has no output file, and its events list these offsets; `torn` is an unreadable line."""
    (folder / "c" / "low_vol.json").unlink()
    lines = [line("records_consumed", 0.5, records=listed(*offsets)) for offsets in events]
    return drained(lengthen(folder, "".join(lines) + torn))


TORN_EVENT = '{"name":"records_consumed","records":[{"topic"\n'


@pytest.mark.parametrize("small_bytes", [0, 1 << 60], ids=["by DuckDB", "strictly"])
def test_a_torn_event_may_list_as_many_records_as_the_largest(
    small_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tables, "SMALL_BYTES", small_bytes)
    write_recording(tmp_path)
    status, sentence = judged(report(tmp_path, (0, 1), torn=TORN_EVENT), "nothing_lost")
    assert (status, sentence.partition(" that")[0]) == (
        "inconclusive",
        "2 missing records may stand in lines of c",
    )


def test_more_records_than_a_torn_event_may_list_are_lost(tmp_path: Path):
    write_recording(tmp_path)
    status, sentence = judged(report(tmp_path, (0,), (1,), torn=TORN_EVENT), "nothing_lost")
    assert status == "fail"
    assert sentence.endswith("; at most 1 of them may stand in lines that cannot be read")


def test_a_poison_record_may_stand_in_a_torn_dead_letter(tmp_path: Path):
    write_recording(tmp_path)
    ledger, output = tmp_path / layout.LEDGER, tmp_path / "c" / "low_vol.json"
    first = ledger.read_text("utf-8").replace('"poison":false', '"poison":true', 1)
    ledger.write_text(first, "utf-8")
    output.write_bytes(b"".join(output.read_bytes().splitlines(keepends=True)[1:]))
    assert judged(drained(load_recording(tmp_path)), "nothing_lost")[0] == "fail"
    (tmp_path / "c" / "dead_letters.json").write_text('{"topic":"low\n', "utf-8")
    assert judged(drained(load_recording(tmp_path)), "nothing_lost")[0] == "inconclusive"


def test_an_id_that_is_a_list_is_one_that_nobody_sent():
    read = check_output({"id": [1], "at": 1.0}, Fields.parse("id=id delivered=at"), {})
    assert (read["topic"], read["partition"], read["offset"]) == NOWHERE
