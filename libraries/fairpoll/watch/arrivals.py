"""When a record came: between two samples, by the ends of its partition that they saw."""

import math
from bisect import bisect_right
from dataclasses import dataclass, field

# Ends that are remembered for each partition. Older ones are thinned out evenly, so that the time of an old
# record stays known, only less exactly.
MOST_ENDS = 1024


@dataclass
class Ends:
    """The ends of one partition: when each was asked for, when it was seen, and the offset."""

    asked_ms: list[float] = field(default_factory=list)
    seen_ms: list[float] = field(default_factory=list)
    end: list[int] = field(default_factory=list)

    def add(self, asked_ms: float, seen_ms: float, end: int) -> None:
        """Note the end; ends that are equal are one, of which the last asking counts."""
        end = max(end, self.end[-1]) if self.end else end  # a new leader may lag behind for a moment
        if len(self.end) > 1 and self.end[-2] == self.end[-1] == end:
            self.asked_ms[-1], self.seen_ms[-1] = asked_ms, seen_ms
        else:
            self.asked_ms.append(asked_ms)
            self.seen_ms.append(seen_ms)
            self.end.append(end)
        if len(self.end) > MOST_ENDS:
            for column in (self.asked_ms, self.seen_ms, self.end):
                del column[1 : MOST_ENDS // 2 : 2]

    def came_between(self, offset: int) -> tuple[float, float]:
        """The earliest and the latest time (ms since the epoch) at which this record can have come.

        -inf for one that was there at the first sample; the latest time is inf if no sample has seen it.
        """
        first_beyond = bisect_right(self.end, offset)
        earliest = self.asked_ms[first_beyond - 1] if first_beyond else -math.inf
        latest = self.seen_ms[first_beyond] if first_beyond < len(self.end) else math.inf
        return earliest, latest
