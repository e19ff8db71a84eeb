"""Recordings made before DuckDB read them are judged to the same bytes.

Each archive in recordings/ is a recording as commit 9f9dea8 left it, without logs and charts: `specified`,
`poison` and `rebalance` by the built-in consumers; `events-only` by examples/confluent-kafka-poll, which has
no files; `declared-fields` by a consumer with a format of its own (nested, JSON as text, ISO 8601 times).

Texts for people may be reworded (snapshots pin them), all else is the same. One finding has changed
since: `rebalance` passes `every_partition_served`, as time without an assignment does not count any more.
"""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from fairpoll.evidence import tables
from fairpoll.evidence.layout import VERDICT
from fairpoll.verdicts.rejudge import judge_again

ARCHIVES = sorted((Path(__file__).parent / "recordings").glob("*.tar.xz"))


def without_wording(verdict: str) -> str:
    """The verdict without the texts for people: titles, sentences, what was expected and measured."""
    content: dict[str, Any] = json.loads(verdict)
    texts = ("sentence", "expected", "measured", "criterion")
    content["findings"] = [{k: v for k, v in f.items() if k not in texts} for f in content["findings"]]
    return json.dumps(content)


@pytest.mark.parametrize("small", [0, 1 << 60], ids=["duckdb", "strict reader"])
@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda path: path.name.partition(".")[0])
def test_a_recording_is_judged_to_the_same_bytes(
    archive: Path, small: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tables, "SMALL_BYTES", small)
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    before = (tmp_path / VERDICT).read_text("utf-8")
    again = judge_again(tmp_path).verdict.to_text()
    assert without_wording(again) == without_wording(before)
