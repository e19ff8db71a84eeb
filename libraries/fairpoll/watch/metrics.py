"""The last state of a watched group as Prometheus metrics, over HTTP."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from fairpoll.base.errors import FairpollError
from fairpoll.watch.group import Row, State
from fairpoll.watch.waiting import KINDS

_PARTITION = ("group", "topic", "partition")
_OF_A_PARTITION: Sequence[tuple[str, str, Callable[[Row], float]]] = (
    (
        "oldest_message_age_seconds",
        "How long the oldest message that is not committed has been waiting, at least.",
        lambda row: row.waiting.seconds,
    ),
    (
        "oldest_message_age_at_most_seconds",
        "The longest that this message can have been waiting.",
        lambda row: row.waiting.at_most,
    ),
    ("lag_records", "Records from the committed offset to the end.", lambda row: row.waiting.lag),
    ("committed_records_per_second", "Rate of the last 30 seconds.", lambda row: row.rate),
    (
        "without_commit_seconds",
        "How long records have been waiting without a commit.",
        lambda row: row.stalled_seconds,
    ),
)


class Metrics:
    """Collects from the last state that `show` got; a partition that is watched no longer disappears."""

    def __init__(self, group: str) -> None:
        self._group = group
        self._state: State | None = None
        self._samples = 0

    def show(self, state: State) -> None:
        """The state to serve from now on."""
        self._state, self._samples = state, self._samples + 1

    def collect(self) -> Iterable[Metric]:
        """The metrics, as prometheus-client asks for them."""
        state, group = self._state, [self._group]
        yield _counter("fairpoll_samples", "Samples of the group that were taken.", group, self._samples)
        if state is None:
            return
        yield _gauge("fairpoll_group_members", "Members of the group.", group, state.members)
        for name, help_text, value in (
            ("members_left", "Members that were gone at a sample.", state.left),
            ("partitions_moved", "Partitions that had another owner than before.", state.moved),
            ("backward_commits", "Commits that went back.", sum(state.backward.values())),
        ):
            yield _counter(f"fairpoll_{name}", help_text, group, value)
        for name, help_text, of in _OF_A_PARTITION:
            family = GaugeMetricFamily(f"fairpoll_{name}", help_text, labels=_PARTITION)
            for row in state.rows:
                family.add_metric(self._labels(row), of(row))
            yield family
        answers = GaugeMetricFamily(
            "fairpoll_answer",
            "1 for the kind of answer that a partition has.",
            labels=(*_PARTITION, "answer"),
        )
        for row in state.rows:
            for kind in KINDS:
                answers.add_metric([*self._labels(row), kind], float(row.waiting.kind == kind))
        yield answers

    def _labels(self, row: Row) -> list[str]:
        return [self._group, row.topic, str(row.partition)]


def _gauge(name: str, help_text: str, group: list[str], value: float) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=["group"])
    family.add_metric(group, value)
    return family


def _counter(name: str, help_text: str, group: list[str], value: float) -> Metric:
    family = CounterMetricFamily(name, help_text, labels=["group"])
    family.add_metric(group, value)
    return family


@contextmanager
def served(group: str, port: int, host: str) -> Iterator[Metrics]:
    """Serve the metrics at http://HOST:PORT/metrics while the context is open. Raises FairpollError."""
    metrics, registry = Metrics(group), CollectorRegistry()
    registry.register(metrics)
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise FairpollError(f"metrics cannot be served at {host}:{port}: {error.strerror}") from None
    try:
        yield metrics
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
