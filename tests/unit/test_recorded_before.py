"""Recordings made before DuckDB read them are judged to the same bytes.

Each archive in recordings/ is a recording as commit 9f9dea8 left it, without logs and charts: `specified`,
`poison` and `rebalance` by the built-in consumers; `events-only` by examples/confluent-kafka-poll, which has
no files; `declared-fields` by a consumer with a format of its own (nested, JSON as text, ISO 8601 times).

The snapshot has each verdict.json as it must be now, byte for byte. The code of commit 9f9dea8 judges them
the same but for two things. The texts for people (`criterion`, `expected`, `measured`, `sentence`) have been
reworded; all else is compared with the verdict in the archive. And `rebalance` failed its
`every_partition_served` after 6.1 s of silence, 1.9 s of which were without an assignment: since that time
does not count any more, it passes with 0.3 s, and so does the run. The archive has this later finding.

The two consumers that do not report their buffers were inconclusive for `buffers_bounded`; they are judged by
their memory, which grew by the MiB in BY_MEMORY.
"""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from fairpoll.evidence.layout import VERDICT
from fairpoll.evidence.reading import tables
from fairpoll.verdicts.rejudge import judge_again

ARCHIVES = sorted((Path(__file__).parent / "recordings").glob("*.tar.xz"))
# Files of fewer bytes are read strictly, others by DuckDB.
READ_BY_DUCKDB = 0
READ_STRICTLY = 1 << 60
# Figures that findings did not have then.
ADDED = ("unserved_seconds",)


BY_MEMORY = {"events-only": 1.4, "declared-fields": 1.6}


def without_wording(verdict: str, by_memory: float | None = None) -> str:
    """The verdict without ADDED and the texts for people: titles, sentences, expected and measured values.

    With `by_memory`, its inconclusive `buffers_bounded` is the pass that this growth of memory proves.
    """
    content: dict[str, Any] = json.loads(verdict)
    if by_memory is not None:
        (buffers,) = [f for f in content["findings"] if f["check"] == "buffers_bounded"]
        assert (buffers["status"], buffers["figures"]) == ("inconclusive", {"highest": 0})
        buffers |= {"status": "pass", "figures": {"mebibytes": by_memory}}
    texts = ("sentence", "expected", "measured", "criterion")
    content["findings"] = [{k: v for k, v in f.items() if k not in texts} for f in content["findings"]]
    for finding in content["findings"]:
        finding["figures"] = {k: v for k, v in finding["figures"].items() if k not in ADDED}
    return json.dumps(content)


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda path: path.name.partition(".")[0])
def test_a_recording_is_judged_to_the_same_bytes(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion
):
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    stored = tmp_path / VERDICT
    before = stored.read_text("utf-8")

    monkeypatch.setattr(tables, "SMALL_BYTES", READ_BY_DUCKDB)
    by_duckdb = judge_again(tmp_path).verdict.to_text()
    assert without_wording(by_duckdb) == without_wording(
        before, BY_MEMORY.get(archive.name.partition(".")[0])
    )
    assert by_duckdb == snapshot

    stored.write_text(by_duckdb, "utf-8")
    monkeypatch.setattr(tables, "SMALL_BYTES", READ_STRICTLY)
    assert judge_again(tmp_path).verdict.to_text() == by_duckdb
