"""Topics that existed before the run: what others have written to them is foreign, and is not judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from fairpoll.contract.records import Partition, RecordId
from fairpoll.evidence.deliveries import DeliveryColumns
from fairpoll.evidence.records import Array, Column


@dataclass(frozen=True)
class SharedTopics:
    """The partitions of the topics that the run did not create, by the scenario's names.

    `begin` is the end of each log before the run, `end` the one after it. `foreign` has the offsets between
    them, in their order, of messages that are not of this run; None if the topics were not read after the
    run, so that these are not known.
    """

    run_id: str = ""
    begin: Mapping[Partition, int] = field(default_factory=dict)
    end: Mapping[Partition, int] = field(default_factory=dict)
    foreign: Mapping[Partition, Array] | None = None

    @property
    def count(self) -> int:
        """The number of foreign messages that came during the run."""
        return sum(map(len, (self.foreign or {}).values()))

    def is_foreign(self, record: RecordId) -> bool:
        """Whether this record of a shared partition is known to be another producer's."""
        *_, offset = record
        partition = record[:2]
        if partition not in self.begin:
            return False
        if offset < self.begin[partition]:
            return True
        offsets = (self.foreign or {}).get(partition, np.empty(0, np.int64))
        at = int(np.searchsorted(offsets, offset))
        return at < len(offsets) and int(offsets[at]) == offset

    def is_of_run(self, partition: Partition, offset: int) -> bool:
        """Whether a committed offset is beyond what was there before the run, or a deletion (below 0)."""
        return not 0 <= offset <= self.begin.get(partition, -1)

    def may_be_foreign(self, record: RecordId) -> bool:
        """Whether it cannot be known if the record is another producer's."""
        return self.foreign is None and record[:2] in self.begin

    def leave_out(self, found: DeliveryColumns) -> int:
        """Take the deliveries of foreign records out of the columns, and return their number.

        A record that a consumer names by its id only is foreign if the id is not of this run.
        """
        if not self.begin:
            return 0
        known = len(found.messages)
        foreign = [known + n for record, n in found.foreign.items() if self.is_foreign(record)]
        record = found.columns["record"].values
        leave = np.isin(record, foreign)
        nowhere = known + found.foreign.get(("", -1, -1), len(found.foreign))
        for row in np.flatnonzero(record == nowhere).tolist():
            leave[row] = not found.ids.get(row, self.run_id).startswith(self.run_id)
        if not leave.any():
            return 0
        place = np.cumsum(~leave) - 1
        found.ids = {int(place[row]): text for row, text in found.ids.items() if not leave[row]}
        for name, column in found.columns.items():
            kept = Column(column.values.dtype.type)
            kept.extend(column.values[~leave])
            found.columns[name] = kept
        found.count = len(record) - int(np.count_nonzero(leave))
        return int(np.count_nonzero(leave))
