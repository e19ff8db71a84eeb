"""`fairpoll collect`: writes down what one consumer delivers to a sink; a process of a run."""

import threading
from pathlib import Path
from typing import Any

import click

from fairpoll.base.errors import ConsumerError
from fairpoll.cli.options import POSITIVE, SHARED_ENVIRONMENT, bootstrap_option, controlled_option, option
from fairpoll.cli.process import connection, read_commands, stop_on_signals
from fairpoll.contract.events import EventWriter
from fairpoll.contract.output_fields import Fields
from fairpoll.contract.source import SEEN_FIELDS, Source
from fairpoll.sinks.opening import open_sink
from fairpoll.sinks.seen import Seen


@click.command(
    short_help="Write down what a consumer delivers.", context_settings=SHARED_ENVIRONMENT, hidden=True
)
@bootstrap_option
@option("--evidence", required=True, help="The sink: topic:NAME, sql:URL or http[:PORT].")
@option("--query", default="", help="For sql: the query for all rows so far.")
@option("--fields", default="", help="The field mapping of its records.")
@option("--run-id", required=True, help="The run whose records are written.")
@option("--output-folder", type=click.Path(path_type=Path), required=True, help="The consumer's folder.")
@option("--sink-rate", type=POSITIVE, help="For http: records per second.  [default: no limit]")
@option("--topic-sink-rate", "rates", multiple=True, metavar="TOPIC=RATE", help="For http: another rate.")
@controlled_option
def collect(controlled: bool, **options: Any) -> None:
    """Write down the records of a run that a consumer delivers to a sink, until SIGTERM.

    Commands on standard input: `sink RATE`, `drain` (no limit), `stop`; its end means stop.
    """
    stop = threading.Event()
    stop_on_signals(stop.set)
    emit = EventWriter()
    source = Source.parse(options["evidence"], options["query"])
    if source is None:
        raise ConsumerError("there is no EVIDENCE to collect")
    fields = Fields.parse(options["fields"], SEEN_FIELDS)
    with Seen(options["output_folder"], options["run_id"], fields) as seen:
        rates = {topic: float(rate) for topic, _, rate in (r.partition("=") for r in options["rates"])}
        config = connection(options["bootstrap_servers"])
        sink = open_sink(source, seen, config, options["sink_rate"], rates)

        def handle(line: str) -> None:
            match line.split():
                case ["stop"]:
                    stop.set()
                case ["drain"] if source.kind == "http":
                    sink.set_rate(None)
                case ["sink", rate] if source.kind == "http":
                    sink.set_rate(float(rate))

        if controlled:
            read_commands(handle)
        emit("startup_complete", url=getattr(sink, "url", ""))
        sink.run(stop.is_set)
        emit("shutdown_complete", records=seen.records, foreign=seen.foreign, unnamed=seen.unnamed)
        seen.check()
