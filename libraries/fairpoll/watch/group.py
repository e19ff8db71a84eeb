"""Follows one group from sample to sample: waits, rates, stalls, commits that go back, owners."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fairpoll.contract.records import Partition
from fairpoll.watch.position import Sample
from fairpoll.watch.waiting import Waiting

# Rates and shares are of this time (seconds).
RATE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Row:
    """A partition at one sample. `rate` is in records committed a second, over RATE_SECONDS at most.

    `stalled_seconds` is how long records have been waiting without a commit; `commit_seconds` the longest
    time so far between two commits that moved on while records waited: a wait can be overstated by it.
    """

    topic: str
    partition: int
    waiting: Waiting
    committed: int | None
    rate: float
    stalled_seconds: float
    commit_seconds: float
    owner: str


@dataclass(frozen=True)
class State:
    """The group at one sample: at `at_ms` since the epoch, `seconds` since the first; the counts since then.

    `left` counts members that were gone at a sample, `moved` partitions that had another owner than before,
    `backward` commits that went back.
    """

    at_ms: float
    seconds: float
    state: str
    rows: Sequence[Row]
    members: int
    left: int
    moved: int
    backward: Mapping[Partition, int]

    @property
    def worst(self) -> Row | None:
        """The partition whose message has certainly been waiting longest; None if there is none."""
        return max(self.rows, key=lambda row: row.waiting.seconds, default=None)

    def shares(self) -> dict[str, float]:
        """Each topic's share of what is committed, from 0 to 1; all 0 if nothing is."""
        rates: Counter[str] = Counter()
        for row in self.rows:
            rates[row.topic] += row.rate  # type: ignore[assignment]
        total = sum(rates.values())
        return {topic: rate / total if total else 0.0 for topic, rate in rates.items()}


@dataclass
class _Past:
    """What is remembered of a partition: its commits in RATE_SECONDS, and its last move."""

    commits: deque[tuple[float, int]] = field(default_factory=deque)
    moved_ms: float = 0.0
    waiting_ms: float | None = None
    commit_seconds: float = 0.0
    owner: str = ""


@dataclass
class Follower:
    """Makes the `State` of each sample; `take` gets them in the order of time."""

    _began_ms: float | None = None
    _past: dict[Partition, _Past] = field(default_factory=dict)
    _backward: Counter[Partition] = field(default_factory=Counter)
    _members: set[str] = field(default_factory=set)
    _left: int = 0
    _moved: int = 0

    def take(self, sample: Sample, answers: Mapping[Partition, Waiting]) -> State:
        if self._began_ms is None:
            self._began_ms = sample.seen_ms
        self._left += len(self._members - set(sample.members))
        self._members = set(sample.members)
        rows = [self._row(p, sample, answers[p]) for p in sorted(answers)]
        return State(
            sample.seen_ms,
            (sample.seen_ms - self._began_ms) / 1000,
            sample.state,
            rows,
            len(sample.members),
            self._left,
            self._moved,
            dict(self._backward),
        )

    def _row(self, partition: Partition, sample: Sample, waiting: Waiting) -> Row:
        past = self._past.setdefault(partition, _Past(moved_ms=sample.seen_ms))
        committed, now = sample.offsets[partition].committed, sample.seen_ms
        before = past.commits[-1][1] if past.commits else None
        if committed is not None and before is not None and committed != before:
            if committed < before:
                self._backward[partition] += 1
            elif past.waiting_ms is not None:
                since = max(past.moved_ms, past.waiting_ms)
                past.commit_seconds = max(past.commit_seconds, (now - since) / 1000)
            past.moved_ms, past.waiting_ms = now, None
        if waiting.kind == "none":
            past.waiting_ms = None
        elif past.waiting_ms is None:
            past.waiting_ms = now
        owner = sample.owners.get(partition, "")
        if owner and past.owner and owner != past.owner:
            self._moved += 1
        past.owner = owner or past.owner
        if committed is not None:
            past.commits.append((now, committed))
        while len(past.commits) > 1 and now - past.commits[1][0] >= RATE_SECONDS * 1000:
            past.commits.popleft()
        stalled = 0.0 if past.waiting_ms is None else (now - past.waiting_ms) / 1000
        return Row(
            *partition,
            waiting,
            committed,
            _rate(past.commits),
            stalled,
            past.commit_seconds,
            owner,
        )


def _rate(commits: Sequence[tuple[float, int]]) -> float:
    if len(commits) < 2 or commits[-1][0] <= commits[0][0]:
        return 0.0
    moved = max(commits[-1][1] - commits[0][1], 0)
    return moved / (commits[-1][0] - commits[0][0]) * 1000
