"""Assembles the recording of a distributed run from the files that its parts handed in."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fairpoll.contract.events import dump
from fairpoll.evidence import layout
from fairpoll.run.distributed.clocks import over_a_run
from fairpoll.run.distributed.handover import pull
from fairpoll.run.distributed.roster import Roster, RunNotes
from fairpoll.run.distributed.run_topic import RunTopic

ASK_SECONDS = 1.0
# A part of a run that has started is given up after this silence: twelve signs of life in a row are missing.
SILENT_SECONDS = 60.0


def fetch(topic: RunTopic, run: RunNotes, folder: Path) -> None:
    """Write the parts of a run's recording that were handed in into the folder. Raises FairpollError."""
    folder.mkdir(parents=True, exist_ok=True)
    cut_off = pull(topic, run.run_id, folder)
    (folder / layout.RUN).write_text(dump(facts_of(run, cut_off)), "utf-8")


def facts_of(run: RunNotes, cut_off: Sequence[str] = ()) -> dict[str, Any]:
    """The run.json of a run, from the notes of its parts; times by the broker's clock."""
    problems = [f"{who}: {done['error']}" for who, done in run.done.items() if done.get("error")]
    problems += [_not_handed_in(run, who) for who in run.missing(run.done)]
    problems += [f"{name} was handed in in part" for name in cut_off]
    facts: dict[str, Any] = {
        **run.facts,
        "shards": run.shards,
        "complete": not problems,
        "incomplete": "; ".join(problems),
    }
    if run.start_ms is not None:
        lasts = run.scenario.duration_seconds / run.speed * 1000
        facts |= {"start_ms": run.start_ms, "end_ms": run.start_ms + lasts}
    ends = [run.done[name] for name in run.consumers if name in run.done]
    for name in ("assigned_ms", "stopped_ms"):  # reached by the run when its last consumer has reached it
        reached = [end[name] for end in ends if name in end]
        if reached and len(reached) == len(run.consumers):
            facts[name] = max(reached)
    for name in ("drain_ms", "drain", "drained_ms"):
        if found := [end[name] for end in ends if name in end]:
            facts[name] = found[0]
    if timelines := [end["timeline"] for end in ends if "timeline" in end]:
        # A step waits for the members it concerns, so it may come later in one consumer than in another.
        together = zip(*timelines, strict=False)
        facts["timeline"] = [max(steps, key=lambda step: step["at_ms"]) for steps in together]
    for name in ("processes", "brokers_session"):
        facts[name] = [entry for end in ends for entry in end.get(name, [])]
    hosts = [done["host"]["longest_pause_seconds"] for done in run.done.values() if "host" in done]
    # A producer's pauses delay its messages, for which the ledger has the times.
    pauses = [
        {**pause, "part": name}
        for name in run.consumers
        for pause in run.done.get(name, {}).get("host", {}).get("pauses", [])
    ]
    facts["host"] = {"longest_pause_seconds": max(hosts, default=0.0), "pauses": pauses}
    facts["clocks"] = {who: asdict(over_a_run(measured)) for who, measured in run.clocks.items()}
    return facts


def _not_handed_in(run: RunNotes, who: str) -> str:
    if who not in run.seen or run.start_ms is None:
        return f"{who} did not hand in its evidence"
    second = (run.seen[who] - run.start_ms) / 1000 * run.speed
    return f"{who} did not hand in its evidence; its last sign of life was at second {second:.0f}"


def awaited_run(
    topic: RunTopic, run_id: str | None, wait_seconds: float, say: Callable[[str], None] = lambda _: None
) -> RunNotes | None:
    """The run of this name, or the last planned one, when all its parts have ended or after `wait_seconds`.

    A run that has started is not waited for any longer when each part that is missing has been silent for
    SILENT_SECONDS. `say` gets the parts that it waits for, each time that they change. None without a plan
    of such a run. Raises ClusterError.
    """
    deadline = time.monotonic() + wait_seconds
    # For each part the time of its last note, by the broker's clock, and when that was read, by ours.
    seen: dict[str, tuple[float, float]] = {}
    said: list[str] = []
    while True:
        late = time.monotonic() >= deadline
        roster = Roster()
        for note in topic.all_notes():
            roster.add(note)
        run = roster.runs.get(run_id) if run_id else next(reversed(roster.runs.values()), None)
        if late or (run and not run.missing(run.done)):
            return run
        if run:
            missing, now = run.missing(run.done), time.monotonic()
            for who in missing:
                at = run.seen.get(who, 0.0)
                if who not in seen or seen[who][0] != at:
                    seen[who] = (at, now)
            if run.start_ms is not None and all(now - seen[w][1] > SILENT_SECONDS for w in missing):
                say(f"given up after {SILENT_SECONDS:g} s without a sign of life: {', '.join(missing)}")
                return run
            if missing != said:
                said = missing
                say(f"waiting for {', '.join(missing)}")
        time.sleep(ASK_SECONDS)
