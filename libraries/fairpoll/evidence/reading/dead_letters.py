"""Reads the dead letters of one member."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from fairpoll.contract.events import Event
from fairpoll.contract.output_fields import OUR_FIELDS
from fairpoll.contract.records import DEAD_LETTERS
from fairpoll.evidence import layout
from fairpoll.evidence.reading.gathering import Gatherer, content_of
from fairpoll.evidence.reading.lines import Lines
from fairpoll.evidence.reading.numbering import Time
from fairpoll.evidence.reading.strict import check_output
from fairpoll.evidence.reading.tables import Tables
from fairpoll.evidence.records import Delivered


def read_dead_letters(
    folder: Path, gatherer: Gatherer, tables: Tables, names: Mapping[str, str], time: Time
) -> Iterator[Delivered]:
    """The dead letters in this member's folder; `names` maps the cluster's topic names to the scenario's."""
    path = folder / DEAD_LETTERS
    if not path.exists():
        return
    read = list(_lines(path, gatherer, tables))
    own = np.array([line["delivered_ms"] for _, line in read])
    written = gatherer.times.written(path, np.array([index for index, _ in read]), own)
    for (_, line), at in zip(read, written.at.tolist(), strict=True):
        value = line.get("value")
        body = value if isinstance(value, dict) else {}
        yield Delivered(
            topic=names.get(line["topic"], line["topic"]),
            partition=line["partition"],
            offset=line["offset"],
            at=time(at),
            message_id=str(line.get("id") or body.get("id", "")),
            checksum=None if value is None else content_of(value),
            output=path.name,
            member=layout.member_of(folder),
        )


def _lines(path: Path, gatherer: Gatherer, tables: Tables) -> Iterator[tuple[int, Event]]:
    """The readable lines of a small file in the built-in consumers' format, with their indexes."""
    observed = gatherer.times.observed(path)

    def check(line: Event) -> Event:
        return check_output(line, OUR_FIELDS, {}, observed=observed)

    with Lines(path, tables, query=None) as lines:
        for index in (part.first + row for part in lines.slices() for row in range(len(part.plain))):
            if (line := lines.readable(index, check, gatherer.unreadable)) is not None:
                yield index, line
