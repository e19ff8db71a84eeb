"""Serves a sink over HTTP, which takes records at the sink's rate."""

import threading
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from fairpoll.base.clock import now_ms
from fairpoll.base.errors import ConsumerError
from fairpoll.cluster.ports import HOST
from fairpoll.consumers.pace import Pace
from fairpoll.contract.records import MESSAGE_ID_HEADER
from fairpoll.evidence import layout
from fairpoll.sinks.seen import MEMBERS, Seen

MOST_BYTES = 64 * 1024 * 1024


class HttpSink:
    """`POST /member-1` takes a JSON object, a list of them, or one on each line (NDJSON).

    Each record occupies the member's sink for its time, and is answered after that: 204 when all are taken.
    A record is named by the header `fairpoll-id` of the request, or by its own `id`. Other paths are the
    first member's. Raises ConsumerError if the port is taken.
    """

    def __init__(self, port: int, rate: float | None, topic_rates: Mapping[str, float], seen: Seen) -> None:
        self._seen = seen
        self._stop = threading.Event()
        self._paces = {member: Pace(rate, topic_rates) for member in MEMBERS}
        self._turns = {member: threading.Lock() for member in MEMBERS}
        self._error: Exception | None = None
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                sink._answer(self)

            do_PUT = do_POST  # noqa: N815 - the name that http.server expects

            def log_message(self, *_arguments: object) -> None:
                """A line for each record would fill the log."""

        try:
            self._server = ThreadingHTTPServer((HOST, port), Handler)
        except OSError as error:
            raise ConsumerError(f"EVIDENCE=http: port {port} cannot be served: {error.strerror}") from None
        self._server.daemon_threads = True
        self.url = f"http://{HOST}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, name="sink", daemon=True).start()

    def set_rate(self, rate: float | None) -> None:
        """Change the rate of all members (records per second); None: no limit."""
        for pace in self._paces.values():
            pace.set_rate(rate)

    def run(self, stopped: Callable[[], bool]) -> None:
        """Serve until `stopped`. Raises the first error of a request that is not the consumer's fault."""
        while not stopped() and self._error is None:
            self._stop.wait(0.1)
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
        if self._error:
            raise self._error

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        length = request.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            request.close_connection = True
            request.send_error(HTTPStatus.LENGTH_REQUIRED, "a Content-Length of at most 64 MiB is needed")
            return
        try:
            records = _records(request.rfile.read(int(length)))
        except ValueError:
            request.send_error(HTTPStatus.BAD_REQUEST, "the body is not a JSON object, a list or NDJSON")
            return
        member = request.path.strip("/")
        try:
            taken = self._take(records, request.headers.get(MESSAGE_ID_HEADER), member)
        except ConsumerError as error:
            self._error, taken = error, False
        request.send_response(HTTPStatus.NO_CONTENT if taken else HTTPStatus.SERVICE_UNAVAILABLE)
        if not taken:
            request.send_header("Content-Length", "0")
        request.end_headers()

    def _take(self, records: Sequence[dict[str, Any]], message_id: str | None, member: str) -> bool:
        """Take the records one after the other, each at its turn. False if the sink stops before."""
        member = member if member in self._paces else layout.FIRST_MEMBER
        pace = self._paces[member]
        for body in records:
            record = {"id": message_id if message_id and len(records) == 1 else body.get("id"), "value": body}
            with self._turns[member]:
                if not pace.wait_turn(self._stop):
                    return False
                self._seen.add(record, now_ms(), member)
                pace.occupy(self._seen.topic_of(record))
        return True


def _records(body: bytes) -> list[dict[str, Any]]:
    """The objects of a body. Raises ValueError if it has anything else."""
    try:
        parsed = [orjson.loads(body)]
    except orjson.JSONDecodeError:
        parsed = [orjson.loads(line) for line in body.splitlines() if line.strip()]
    records = parsed[0] if len(parsed) == 1 and isinstance(parsed[0], list) else parsed
    if not all(isinstance(record, dict) for record in records):
        raise ValueError("not an object")
    return records
