"""A run in parts, without a broker: shards of the traffic, clocks, the roster, ledgers merged."""

import json
import socket
from pathlib import Path

import pytest

from fairpoll.base.errors import HistoryError, ScenarioError
from fairpoll.evidence import layout
from fairpoll.evidence.facts import ClockOffset
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.producer.shards import Shard
from fairpoll.run.distributed import plan
from fairpoll.run.distributed.clocks import measure, over_a_run
from fairpoll.run.distributed.fetching import facts_of
from fairpoll.run.distributed.plan import facts_of_plan
from fairpoll.run.distributed.roster import Roster
from fairpoll.run.distributed.run_topic import Note
from fairpoll.scenarios.file import load_scenario
from fairpoll.verdicts.verdict import Verdict
from recordings import RUN_ID, SCENARIO, write_recording

SPECIFIED = Path(__file__).parents[2] / "resources" / "scenarios" / "specified.yaml"


class TestShards:
    @pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
    def test_every_partition_is_in_one_shard(self, count: int):
        scenario = load_scenario(SPECIFIED)
        shards = [Shard(number + 1, count).partitions(scenario) for number in range(count)]
        assert sum(map(len, shards)) == len(frozenset().union(*shards)) == 4

    @pytest.mark.parametrize("text", ["", "2", "0/4", "5/4", "2/4/8", "-1/4", "a/b", "1/99999", "²/4"])
    def test_what_is_no_shard(self, text: str):
        with pytest.raises(ScenarioError, match="is not a shard; write for example 2/4"):
            Shard.parse(text)


class TestClocks:
    def test_the_offset_is_within_the_error(self):
        # Ours is 3,000 ms ahead; the way there takes 1, 2 or 4 ms and the way back 3, 1 or 4.
        rounds = iter([(1, 3), (2, 1), (4, 4)])
        now = 10_000.0

        def ask() -> tuple[float, float, float]:
            there, back = next(rounds)
            return now + 3_000, float(int(now + there)), now + 3_000 + there + back

        measured = measure(ask, rounds=3)
        assert abs(measured.offset_ms - 3_000) <= measured.error_ms <= 2

    def test_a_clock_that_was_set_is_as_unsure_as_that(self):
        both = over_a_run([ClockOffset(0.0, 1.0), ClockOffset(500.0, 1.0)])
        assert both == ClockOffset(250.0, 251.0)
        rounds = iter([(0.0, 0.0, 2.0), (500.0, 0.0, 502.0)])
        assert measure(lambda: next(rounds), rounds=2).error_ms > 250


def planned(consumers: tuple[str, ...] = (), shards: int = 1) -> dict[str, object]:
    topics = {"high": "high.r", "low": "low.r"}
    return facts_of_plan("r", SCENARIO, 1.0, "b:1", topics=topics, consumers=consumers, shards=shards)


class TestRoster:
    def noted(self, *notes: tuple[str, dict[str, object]], at_ms: float = 0.0) -> Roster:
        roster = Roster()
        for what, content in notes:
            roster.add(Note(what, at_ms, content))
        return roster

    def test_those_that_came_before_the_plan_make_up_a_run(self):
        joins = [("join", {"member": name, "run": ""}) for name in ("a", "b", "c")]
        plan = ("plan", {"forming": "a", "facts": planned()})
        another = ("plan", {"forming": "a", "facts": {**planned(), "run_id": "late"}})
        roster = self.noted(*joins, plan, another, ("join", {"member": "d", "run": ""}))
        assert list(roster.runs) == ["r"]
        seats = [roster.seat(name) for name in ("a", "b", "c")]
        assert [str(seat[1]) for seat in seats if seat] == ["1/3", "2/3", "3/3"]
        assert roster.seat("d") is None
        assert roster.too_many("d") is roster.runs["r"]

    def test_after_a_run_is_over_there_is_another(self):
        roster = self.noted(
            ("join", {"member": "a", "run": ""}),
            ("plan", {"forming": "a", "facts": planned()}),
            ("done", {"run": "r", "who": "producer-1"}),
            ("join", {"member": "b", "run": ""}),
        )
        assert roster.forming == ["b"]

    def test_one_that_was_given_up_stands_in_nobodys_way(self):
        roster = self.noted(
            ("join", {"member": "a", "run": ""}), ("plan", {"forming": "a", "facts": planned()})
        )
        roster.add(Note("join", 400_000.0, {"member": "b", "run": ""}))
        assert roster.forming == ["b"]

    def test_a_planned_run_has_its_shards_whenever_they_are_asked_for(self):
        joins = [("join", {"member": name, "run": "r"}) for name in ("a", "b", "c")]
        roster = self.noted(joins[0], ("plan", {"facts": planned(shards=2)}), *joins[1:])
        assert [str(seat[1]) for name in "ab" if (seat := roster.seat(name))] == ["1/2", "2/2"]
        assert roster.too_many("c")

    def test_the_first_start_counts(self):
        starts = [("start", {"run": "r", "who": "x", "start_ms": ms}) for ms in (1.0, 2.0)]
        assert self.noted(("plan", {"facts": planned()}), *starts).runs["r"].start_ms == 1.0

    @pytest.mark.parametrize(
        "note",
        [
            ("plan", {}),
            ("plan", {"facts": {"run_id": "r"}}),
            ("join", {}),
            ("join", {"run": [], "member": 1}),
            ("done", {"run": "nobody's", "who": "x"}),
            ("clock", {"run": "r", "who": "x", "offset_ms": "?", "error_ms": 1}),
            ("start", {"run": "r", "who": "x", "start_ms": None}),
            ("nothing that is known", {"run": "r", "who": "x"}),
        ],
    )
    def test_what_is_no_note_is_passed_over(self, note: tuple[str, dict[str, object]]):
        roster = self.noted(("plan", {"facts": planned()}), note)
        assert list(roster.runs) == ["r"]
        assert roster.runs["r"].start_ms is None

    def test_what_is_missing_is_told(self):
        run = self.noted(
            ("plan", {"facts": planned(("c",), shards=2)}),
            ("done", {"run": "r", "who": "producer-1"}),
            ("done", {"run": "r", "who": "c", "error": "it fell"}),
        ).runs["r"]
        facts = facts_of(run, ["ledger/1.jsonl"])
        assert not facts["complete"]
        assert facts["incomplete"] == (
            "c: it fell; producer-2 did not hand in its evidence; ledger/1.jsonl was handed in in part"
        )

    @pytest.mark.parametrize("name", ["assigned_ms", "stopped_ms"])
    def test_a_run_has_reached_what_its_last_consumer_has_reached(self, name: str):
        """It is not known while a consumer has not reported it: one that died had no partitions."""
        done = [("done", {"run": "r", "who": who, name: at}) for who, at in (("d", 7.0), ("c", 5.0))]
        plan = ("plan", {"facts": planned(("c", "d"))})
        assert facts_of(self.noted(plan, *done).runs["r"])[name] == 7.0
        assert name not in facts_of(self.noted(plan, done[0]).runs["r"])


def test_a_consumer_cannot_be_called_like_a_file_of_the_recording():
    for name in ("ledger", "samples", "run.json", "..", "a/b", ""):
        with pytest.raises(ScenarioError, match="cannot be the name of a consumer"):
            planned((name,))


@pytest.mark.parametrize(
    ("address", "shares"), [("127.0.0.1", True), ("192.0.2.1", False), (None, False)], ids=str
)
def test_a_machine_shares_the_traffic_if_an_address_of_the_name_is_its_own(
    address: str | None, shares: bool, monkeypatch: pytest.MonkeyPatch
):
    def resolve(_host: str, _port: None) -> list[tuple[object, ...]]:
        if address is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert plan._is_called("test-producer") is shares


class TestMergedLedgers:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """The sound recording with its ledger split in three: all messages are in the first."""
        write_recording(tmp_path)
        (tmp_path / "ledger").mkdir()
        (tmp_path / layout.LEDGER).rename(tmp_path / layout.ledger_of(1))
        (tmp_path / layout.ledger_of(2)).write_text("")
        (tmp_path / layout.ledger_of(3)).write_text("")
        (tmp_path / "samples").mkdir()
        (tmp_path / layout.SAMPLES).rename(tmp_path / layout.samples_of("c"))
        exact = {"offset_ms": 0.0, "error_ms": 0.0}
        clocks = dict.fromkeys(["c", "producer-1", "producer-2", "producer-3"], exact)
        self.change(tmp_path, shards=3, clocks=clocks)
        return tmp_path

    def change(self, folder: Path, **facts: object) -> None:
        path = folder / layout.RUN
        path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **facts}), "utf-8")

    def judged(self, folder: Path, seconds: float = 1.0) -> tuple[str, str]:
        verdict = Verdict(load_recording(folder))
        finding = verdict.judge("oldest_wait_at_most", "c", volume="low", seconds=seconds)
        assert verdict.judge("commits_caught_up", "c").status == "pass"
        return finding.status, finding.sentence

    def test_they_are_judged_as_one(self, folder: Path):
        assert self.judged(folder)[0] == "pass"

    def test_a_missing_one_makes_it_inconclusive(self, folder: Path):
        (folder / layout.ledger_of(3)).unlink()
        status, sentence = self.judged(folder)
        assert status == "inconclusive"
        assert sentence.startswith("ledger/3.jsonl is missing: 3 producers wrote one each")

    @pytest.mark.parametrize("name", ["ledger/2.jsonl", "samples/c.jsonl", "observed/c.jsonl"])
    def test_one_that_is_cut_off_makes_it_inconclusive(self, name: str, folder: Path):
        (folder / name).parent.mkdir(exist_ok=True)
        with (folder / name).open("a") as file:
            file.write('{"timest')
        assert self.judged(folder)[1].startswith(f"the last line of {name} is cut off")

    def test_one_partition_in_two_is_refused(self, folder: Path):
        (folder / layout.ledger_of(2)).write_text((folder / layout.ledger_of(1)).read_text())
        with pytest.raises(HistoryError, match=r"2\.jsonl: has messages of low/0, as ledger/1\.jsonl has"):
            load_recording(folder)

    def test_another_runs_is_refused(self, folder: Path):
        ledger = folder / layout.ledger_of(1)
        ledger.write_text(ledger.read_text().replace(RUN_ID, "other"))
        with pytest.raises(HistoryError, match="is of run 'other'"):
            load_recording(folder)

    def clocks(self, offset_ms: float, error_ms: float) -> dict[str, dict[str, float]]:
        exact = {"offset_ms": 0.0, "error_ms": 0.0}
        producers = dict.fromkeys(["producer-1", "producer-2", "producer-3"], exact)
        return {"c": {"offset_ms": offset_ms, "error_ms": error_ms}, **producers}

    def test_a_clock_that_is_ahead_is_set_right(self, folder: Path):
        """It delivers after half a second, by a clock that is 400 ms ahead: after a tenth."""
        self.change(folder, clocks=self.clocks(400.0, 5.0))
        assert self.judged(folder, 0.2)[0] == "pass"
        assert self.judged(folder, 0.08)[0] == "fail"
        status, sentence = self.judged(folder, 0.098)
        assert (status, sentence.partition(" (")[0]) == ("inconclusive", "the clocks may be off by 0.005 s")

    def test_an_error_beyond_the_budget_decides_nothing(self, folder: Path):
        self.change(folder, clocks=self.clocks(0.0, 2_000.0))
        status, sentence = self.judged(folder)
        assert status == "inconclusive"
        assert sentence.startswith("the clocks may be off by 2.000 s, more than the 1 s in question")

    def test_a_clock_nobody_measured_decides_nothing(self, folder: Path):
        clocks = self.clocks(0.0, 0.0)
        del clocks["producer-2"]
        self.change(folder, clocks=clocks)
        assert self.judged(folder)[0] == "inconclusive"
