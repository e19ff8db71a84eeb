"""`fairpoll check`: what a run of `fairpoll test` with the same options would find, within ten seconds."""

import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import orjson

from fairpoll.base.errors import ClusterError, ClusterUnavailableError
from fairpoll.base.text import quoted
from fairpoll.checkers import CRITERIA
from fairpoll.cli.judging import COULD_NOT_RUN, JudgingCommand
from fairpoll.cli.test import subject_of, test
from fairpoll.cluster import PREFIX
from fairpoll.cluster.base import ClusterOptions
from fairpoll.cluster.external import ExternalCluster
from fairpoll.cluster.leftovers import Registry
from fairpoll.cluster.local.jars import find_java
from fairpoll.contract import client_config
from fairpoll.contract.evidence_kinds import EVIDENCE, Evidence
from fairpoll.contract.subject import EXACTLY_ONCE, Subject
from fairpoll.run.attached import require_attachable
from fairpoll.run.preflight import Preflight, check_cluster, described, plan_topics
from fairpoll.run.recorder import check_speed
from fairpoll.run.startable import check_can_start
from fairpoll.scenarios.file import load_scenario
from fairpoll.scenarios.model import Scenario
from fairpoll.scenarios.packaged import SPECIFIED, find_scenario
from fairpoll.sinks.opening import open_sink
from fairpoll.sinks.seen import Seen
from fairpoll.verdicts.expectation import Thresholds, plain_criteria

# In all, and of these for the first answer of a cluster.
CHECK_SECONDS, ANSWER_SECONDS = 9.0, 4.0
SECURITY = ("security_protocol", "sasl_mechanism", "sasl_username", "ssl_ca_location")


@click.command(
    cls=JudgingCommand,
    short_help="Check that a run can begin.",
    params=[
        *test.params,
        click.Option(["--json", "as_json"], is_flag=True, help="Print the same as one JSON object."),
    ],
)
def check(as_json: bool, **options: Any) -> None:
    """Connect as `fairpoll test` with the same options would, and print what a run would find.

    Within ten seconds: the cluster, the topics and the group of the scenario, the rights on them as far as
    the brokers report them, the evidence, and the criteria that can be judged by it. Nothing is created,
    started or committed; of a cluster that a run starts, only what it needs is checked.

    Exit code 0: a run can begin. 3: it cannot, for each obstacle in the list.
    """
    found = Preflight()
    with tempfile.TemporaryDirectory(prefix="fairpoll-check-", ignore_cleanup_errors=True) as folder:
        checks = threading.Thread(target=_check, args=(found, options, Path(folder)), daemon=True)
        checks.start()
        checks.join(CHECK_SECONDS)
        if late := checks.is_alive():
            found.obstacles.append(
                f"{found.stage}: no answer within {CHECK_SECONDS:g} s; see whether the cluster or the "
                "database is overloaded, or a firewall drops the connection"
            )
        report = {"can_begin": not found.obstacles, **asdict(found)}
        del report["stage"]
        click.echo(orjson.dumps(report).decode() if as_json else described(found))
    code = COULD_NOT_RUN if found.obstacles else 0
    if late:  # a client or a driver that waits for its answer would keep the process from its end
        sys.stdout.flush()
        os._exit(code)
    sys.exit(code)


def _check(found: Preflight, options: Mapping[str, Any], folder: Path) -> None:
    subjects: list[tuple[Subject, Scenario]] = []

    def declared() -> None:
        scenario = load_scenario(find_scenario(options["scenario"] or SPECIFIED))
        check_speed(scenario, options["speed"])
        subjects.append((subject_of(options), scenario))

    if not found.attempt("the consumer", declared):
        return
    ((subject, scenario),) = subjects
    if subject.attach:
        found.attempt("the scenario", require_attachable, scenario, subject)
    else:
        found.attempt("the consumer", check_can_start, subject)
    kind = "external" if options["bootstrap_servers"] else options["cluster"] or ""
    config: dict[str, str] = {}
    if kind == "external":
        found.attempt("the cluster", _check_external, found, options, scenario, subject, folder, config)
    else:
        kind = _check_started(found, kind, scenario, subject, options["prefix"] or "")
    found.attempt("the evidence", _check_evidence, found, subject, folder, config)
    _list_criteria(found, subject, scenario, kind)


def _check_external(
    found: Preflight,
    options: Mapping[str, Any],
    scenario: Scenario,
    subject: Subject,
    folder: Path,
    config: dict[str, str],
) -> None:
    """Check a cluster that runs already; `config` gets the properties of its clients."""
    if not PREFIX.fullmatch(prefix := options["prefix"] or ""):
        raise ClusterError(f"PREFIX: {quoted(prefix)} cannot begin the name of a topic")
    given = {name.replace("_", ".", 1): options[name] for name in SECURITY}
    given["ssl.ca.location"] = options["ssl_ca_location"]
    given.pop("ssl.ca_location")
    given["sasl.password"] = os.environ.get("SASL_PASSWORD")
    security = client_config.from_environment(os.environ) | {n: text for n, text in given.items() if text}
    cluster = ExternalCluster(
        ClusterOptions(
            folder,
            bootstrap_servers=options["bootstrap_servers"] or "",
            security=security,
            answer_seconds=ANSWER_SECONDS,
        ),
        Registry(),
    )
    cluster.prefix = prefix
    cluster.start()
    try:
        found.cluster["description"] = f"external cluster at {options['bootstrap_servers']}"
        config.update(cluster.client_config)
        check_cluster(found, cluster, scenario, subject, folder)
    finally:
        cluster.stop()


def _check_started(found: Preflight, kind: str, scenario: Scenario, subject: Subject, prefix: str) -> str:
    """Check what a cluster that the run starts needs; return its kind."""
    if kind in ("", "local"):
        try:
            _, version = find_java()
            found.cluster["description"] = f"local: Apache Kafka, started by the run, Java {version}"
            kind = "local"
        except ClusterUnavailableError as reason:
            if kind:
                found.obstacles.append(str(reason))
            kind = kind or "mock"
    if kind == "mock":
        found.cluster["description"] = "mock: librdkafka's mock cluster, started by the run"
    if kind == "compose":
        found.cluster["description"] = "compose: the brokers of docker-compose.yml, started by the run"
        if shutil.which("docker") is None:
            found.obstacles.append("no docker on the PATH; install Docker with Compose, or choose --cluster")
    if subject.attach:
        found.obstacles.append(
            f"ATTACH: no consumer runs already on a {kind} cluster, which the run starts; give the address "
            "of the consumer's cluster with --bootstrap-servers"
        )
    found.group["name"], found.group["state"] = scenario.group or "new in each run", "will be made"
    plan_topics(found, scenario, prefix)
    return kind


def _check_evidence(found: Preflight, subject: Subject, folder: Path, config: Mapping[str, str]) -> None:
    """Open the sink as the run would, and close it."""
    source = subject.source
    if source is None:
        what = "its commits" if subject.attach else "its commits, and the events and files that it leaves"
        found.evidence.append(what)
        return
    if source.kind == "topic" and not source.place:
        found.evidence.append("a topic that the run makes (FAIRPOLL_OUTPUT_TOPIC)")
        return
    if source.kind == "topic" and not config:
        found.evidence.append(f"topic {source.place}: not checked, without a cluster")
        return
    with Seen(folder, "check", subject.fields) as seen:
        sink = open_sink(source, seen, config)
        sink.run(lambda: True)
    found.evidence.append(
        f"topic {source.place}: can be read"
        if source.kind == "topic"
        else f"database: the query works; its columns: {', '.join(sink.columns)}"
        if source.kind == "sql"
        else f"HTTP sink: port {source.place or 'any'} is free"
    )


def _list_criteria(found: Preflight, subject: Subject, scenario: Scenario, kind: str) -> None:
    """The criteria of the plain expectation by whether this evidence suffices for them."""
    source = subject.source
    certain: set[Evidence] = {"commits", *subject.shows}
    certain |= set() if kind == "mock" else {"assignments"}
    certain |= set() if subject.attach else {"processes", "buffers"}
    if source:
        certain |= {"records", "contents"} if subject.fields.value else {"records"}
    judged: list[str] = []
    others: dict[str, dict[str, list[str]]] = {"if_shown": {}, "not_judged": {}}
    names = plain_criteria(
        Thresholds(),
        has_low=any(topic.volume == "low" for topic in scenario.topics),
        once=subject.delivery == EXACTLY_ONCE,
    )
    for name in dict.fromkeys(name for name, _ in names):
        lacking = CRITERIA[name].lacks(certain)
        if lacking is None:
            judged.append(name)
        elif source or subject.attach:
            evidence = EVIDENCE[lacking]
            absent = evidence.absent if lacking == "processes" else ""
            others["not_judged"].setdefault(f"it does not show {evidence.what}{absent}", []).append(name)
        else:
            others["if_shown"].setdefault(f"with {EVIDENCE[lacking].source}", []).append(name)
    found.criteria |= {"judged": judged, **others}
