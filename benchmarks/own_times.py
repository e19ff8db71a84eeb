"""Judges recordings with and without the times that their consumers state: does any verdict rest on them?

    python benchmarks/own_times.py results/evidence

Each finding of each recording below the folder is judged twice, from the same files and with the same
thresholds: with the consumers' own times, and by the observation of their files alone. Prints the findings
that differ, and by how much the times of the deliveries do, and so the waits, in real milliseconds. Exit
code 1 if any finding differs.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fairpoll.checkers import CRITERIA, judge
from fairpoll.evidence import layout
from fairpoll.evidence.history import Recording
from fairpoll.evidence.reading.loading import load_recording
from fairpoll.verdicts.rejudge import recordings_in

# Without own times there is nothing to hold against the observation.
ABOUT_TIMES = "clock_honest"


def differing(folder: Path, both: tuple[Recording, Recording]) -> Iterator[str | None]:
    """For each stored finding None, or in words how the two judgements differ."""
    for stored in json.loads((folder / layout.VERDICT).read_text("utf-8"))["findings"]:
        check, consumer, thresholds = (stored[name] for name in ("check", "consumer", "thresholds"))
        if check not in CRITERIA or check == ABOUT_TIMES:
            continue
        own, seen = (judge(check, recording, consumer, **thresholds) for recording in both)
        same = own.status == seen.status
        yield None if same else f"{folder.name}: {check} of {consumer}: {own.sentence} / {seen.sentence}"


def moments_apart(both: tuple[Recording, Recording]) -> Iterator[np.ndarray]:
    """By how much the moment of each delivery differs, in real milliseconds, for each observed consumer."""
    own, seen = both
    for consumer in own.consumers:
        if own.consumers[consumer].stamps.observed:
            moments, others = own.first(consumer), seen.first(consumer)
            delivered = np.isfinite(moments)
            yield np.abs(moments[delivered] - others[delivered]) / own.speed * 1000


def main(place: Path) -> int:
    judged = differ = recordings = 0
    apart: list[np.ndarray] = []
    for folder in recordings_in(place):
        if not (folder / layout.VERDICT).exists():
            continue
        recordings += 1
        both = (load_recording(folder), load_recording(folder, own_times=False))
        for difference in differing(folder, both):
            judged += 1
            if difference:
                differ += 1
                print(difference)
        apart += moments_apart(both)
    print(f"{recordings} recordings, {judged:,} findings judged twice, {differ} differ")
    if apart:
        off = np.concatenate(apart)
        p50, p99, most = np.percentile(off, [50, 99, 100])
        print(
            f"{len(off):,} deliveries differ by {p50:.0f} ms (p50), {p99:.0f} ms (p99), {most:.0f} ms at most"
        )
    return 1 if differ or not recordings else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
