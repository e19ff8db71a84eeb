"""A schema registry for the topics of a run whose messages are in Avro; read-only, on loopback."""

import json
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from fairpoll.cluster.ports import HOST
from fairpoll.contract import avro
from fairpoll.scenarios.model import Scenario


class SchemaRegistry(AbstractContextManager["SchemaRegistry", None]):
    """Answers what deserializers ask: the schema of an id, and the latest version of a subject.

    `subjects` maps `<topic>-value` to the id of its schema; `url` is its address within the block.
    """

    def __init__(self, subjects: Mapping[str, int]) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, answer = _answer(self.path.partition("?")[0], subjects)
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Requests are no evidence."""

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{HOST}:{self._server.server_port}"

    @classmethod
    def of(cls, scenario: Scenario, topics: Mapping[str, str]) -> "SchemaRegistry | None":
        """The registry for a scenario whose topics have these names on the cluster; None without Avro."""
        subjects = {
            f"{topics[topic.name]}-value": avro.id_of(priority=bool(topic.priority))
            for topic in scenario.topics
            if topic.message_format == "avro"
        }
        return cls(subjects) if subjects else None

    def __enter__(self) -> "SchemaRegistry":
        threading.Thread(target=self._server.serve_forever, name="schema registry", daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _answer(path: str, subjects: Mapping[str, int]) -> tuple[HTTPStatus, Any]:
    match path.strip("/").split("/"):
        case ["subjects"]:
            return HTTPStatus.OK, sorted(subjects)
        case ["schemas", "ids", number] if number.isdecimal() and int(number) in subjects.values():
            return HTTPStatus.OK, {"schema": avro.schema_text(int(number))}
        case ["subjects", subject, "versions", "latest" | "1"] if subject in subjects:
            found = subjects[subject]
            answer = {"subject": subject, "version": 1, "id": found, "schema": avro.schema_text(found)}
            return HTTPStatus.OK, answer
        case ["subjects", *_]:
            return HTTPStatus.NOT_FOUND, {"error_code": 40401, "message": "Subject not found"}
        case ["schemas", *_]:
            return HTTPStatus.NOT_FOUND, {"error_code": 40403, "message": "Schema not found"}
        case _:
            return HTTPStatus.NOT_FOUND, {"error_code": 404, "message": "HTTP 404 Not Found"}
