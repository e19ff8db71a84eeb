"""A pytest fixture that judges a consumer: `def test_mine(fairpoll): fairpoll.run("./mine").should_pass()`.

One cluster serves all tests of a session; it is started by the first of them. Options, as ini values too:
`--fairpoll-cluster` (a kind in `cluster.KINDS`; default: local, or mock where there is no Java) and
`--fairpoll-speed` (default 1, which takes about three minutes for each run).
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fairpoll.cluster import Cluster
    from fairpoll.cluster.leftovers import Registry
    from fairpoll.verdicts.verdict import Verdict

OPTIONS = (
    ("cluster", "", "Where fairpoll's brokers come from, such as local; see docs/reference/clusters.md."),
    ("speed", "1", "Divides every interval of fairpoll's scenarios, multiplies the sink's rate."),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("fairpoll")
    for name, default, explanation in OPTIONS:
        parser.addini(f"fairpoll_{name}", explanation, default=default)
        group.addoption(f"--fairpoll-{name}", default=None, help=explanation)


@dataclass(frozen=True)
class Judgement:
    """The result of a run: its verdict with all findings, and the folder of its evidence."""

    verdict: "Verdict"
    folder: Path

    def should_pass(self) -> None:
        """Fail the test unless every criterion holds; list each criterion that does not.

        The failure begins with INCONCLUSIVE if no criterion failed and some could not be judged.
        """
        from fairpoll.reports.outcome import unmet_sentences  # noqa: PLC0415

        if sentences := unmet_sentences(self.verdict.findings):
            prefix = "" if self.verdict.worst == "fail" else "INCONCLUSIVE: "
            count = f"{len(sentences)} of {len(self.verdict.findings)} criteria not met"
            lines = [f"{prefix}{count}; evidence: {self.folder}", *(f"- {text}" for text in sentences)]
            pytest.fail("\n".join(lines), pytrace=False)


@dataclass
class Fairpoll:
    """Runs and judges consumers on the session's cluster. `folder` gets the evidence."""

    cluster: "Cluster"
    registry: "Registry"
    folder: Path
    speed: float

    def run(
        self,
        command: str = "",
        *,
        scenario: str = "specified.yaml",
        speed: float | None = None,
        **declared: str | float | None,
    ) -> Judgement:
        """Run the command and the plain loop on the same traffic; judge it by the plain expectation.

        Args:
            command: as for a shell, such as "./my-consumer --flag"; may be left out with an `image`.
            scenario: a packaged scenario or a file; default specified.yaml.
            speed: divides every interval; default: the option --fairpoll-speed.
            declared: attributes of the consumer (`contract.subject.ATTRIBUTES`) as text, such as name="mine",
                and thresholds (`verdicts.expectation.Thresholds`), such as wait_at_most=2.0 (seconds).

        Raises FairpollError if the scenario, the command or the cluster cannot be used.
        """
        # Imported here, because every pytest run of this environment loads the plugin.
        from fairpoll.contract.subject import ATTRIBUTES, Subject  # noqa: PLC0415
        from fairpoll.run.recorder import Recorder  # noqa: PLC0415
        from fairpoll.run.startable import check_can_start  # noqa: PLC0415
        from fairpoll.scenarios.model import CONTROL  # noqa: PLC0415
        from fairpoll.scenarios.packaged import find_scenario  # noqa: PLC0415
        from fairpoll.verdicts.expectation import Thresholds, judge_plainly  # noqa: PLC0415
        from fairpoll.verdicts.verdict import Verdict  # noqa: PLC0415

        yours = {name: str(declared.pop(name)) for name in ATTRIBUTES.keys() & declared.keys()}
        expected = Thresholds.for_scenario(scenario, **declared)
        consumer = Subject.parse("yours", {"command": command, **yours})
        check_can_start(consumer)
        consumers = [Subject.built_in(CONTROL), consumer]
        with Recorder(self.cluster, self.folder, self.registry) as recorder:
            file = find_scenario(scenario)
            verdict = Verdict(recorder.record(consumer.name, file, speed or self.speed, consumers))
        judge_plainly(verdict, consumer.name, expected)
        verdict.write()
        return Judgement(verdict, verdict.recording.folder)


@pytest.fixture(scope="session")
def fairpoll(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fairpoll]:
    """Judges consumers: `fairpoll.run("./my-consumer").should_pass()`."""
    from fairpoll.cluster import ClusterOptions, open_cluster  # noqa: PLC0415
    from fairpoll.cluster.leftovers import Registry  # noqa: PLC0415

    def option(name: str) -> Any:
        return pytestconfig.getoption(f"fairpoll_{name}") or pytestconfig.getini(f"fairpoll_{name}")

    try:
        speed = float(option("speed"))
    except ValueError:
        raise pytest.UsageError(f"fairpoll_speed: '{option('speed')}' is not a number") from None
    folder = tmp_path_factory.mktemp("fairpoll")
    with Registry() as registry:
        cluster = open_cluster(
            option("cluster"), ClusterOptions(folder / "cluster"), registry, warn=warnings.warn
        )
        yield Fairpoll(cluster, registry, folder, speed)
