"""Where a consumer's records are seen from outside: in a topic, in a database, or at an HTTP sink."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from fairpoll.base.errors import ConsumerError
from fairpoll.base.text import quoted
from fairpoll.contract.output_fields import Fields

# What a consumer is given: the topic that is read, and the address of the sink that is served.
OUTPUT_TOPIC = "FAIRPOLL_OUTPUT_TOPIC"
SINK_URL = "FAIRPOLL_SINK_URL"
# What the judge is given, never in an argument: the password for a database.
SQL_PASSWORD = "FAIRPOLL_SQL_PASSWORD"
KINDS = ("topic", "sql", "http")
# A record that was seen in a sink: its message's id, and no content, since services transform what they get.
SEEN_FIELDS = Fields(id="id", value="")
_PLACES = ("topic", "partition", "offset")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


def fields_of(query: str) -> Fields:
    """The default fields of records seen from outside: their id, or the three places that a query names."""
    words = set(re.findall(r"\w+", query.lower()))
    return Fields(value="") if words.issuperset(_PLACES) and "id" not in words else SEEN_FIELDS


@dataclass(frozen=True)
class Source:
    """A sink that is seen from outside.

    `place` is a topic's name, "" for one that the run makes; a database's URL, without its password; or the
    port of an HTTP sink, "" for any free one. `query` gives the rows of a database.
    """

    kind: str
    place: str = ""
    query: str = ""

    @classmethod
    def parse(cls, text: str, query: str = "") -> "Source | None":
        """From `topic:orders.out`, `sql:postgresql://...` or `http`; None for "". Raises ConsumerError."""
        kind, _, place = text.partition(":")
        if not text:
            if query:
                raise ConsumerError("QUERY is for EVIDENCE=sql:URL, which is not given")
            return None
        if kind not in KINDS:
            raise ConsumerError(
                f"EVIDENCE: {quoted(text)} is none of topic[:NAME], sql:URL and http[:PORT]; leave it out "
                "for events, output files or commits"
            )
        if bool(query) != (kind == "sql"):
            raise ConsumerError(
                "EVIDENCE=sql needs a QUERY for the id and the time of each row: SELECT id, written_at AS "
                "time FROM orders"
                if kind == "sql"
                else f"QUERY is for EVIDENCE=sql:URL, not for {kind}"
            )
        _CHECKS[kind](place)
        return cls(kind, place, query)

    @property
    def text(self) -> str:
        """As it is written: `topic:orders.out`."""
        return f"{self.kind}:{self.place}" if self.place else self.kind


def _check_topic(place: str) -> None:
    if place and not _TOPIC.fullmatch(place):
        raise ConsumerError(f"EVIDENCE: {quoted(place)} is not the name of a topic")


def _check_url(place: str) -> None:
    try:
        parts = urlsplit(place)
        has_password = parts.password is not None
    except ValueError as error:
        raise ConsumerError(f"EVIDENCE: the address of the database cannot be read: {error}") from None
    if has_password:
        raise ConsumerError(
            f"EVIDENCE: the address of the database has a password, which would stand in lists of processes "
            f"and logs; leave it out and set {SQL_PASSWORD}"
        )
    if not parts.scheme:
        raise ConsumerError(
            "EVIDENCE: sql needs the address of a database, such as sql:postgresql+psycopg://user@host/name"
        )


def _check_port(place: str) -> None:
    if place and not (place.isdecimal() and 0 < int(place) < 65536):
        raise ConsumerError(f"EVIDENCE: {quoted(place)} is not a port; write http, or http:8080")


_CHECKS = {"topic": _check_topic, "sql": _check_url, "http": _check_port}
