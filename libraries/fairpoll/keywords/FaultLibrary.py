"""Keywords that inject faults into brokers, network, consumers and producer of a running scenario."""

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any

from robot.api import SkipExecution, logger
from robot.api.deco import keyword, library

from fairpoll.base.errors import ClusterUnavailableError
from fairpoll.base.waiting import wait_until
from fairpoll.contract.subject import Mode
from fairpoll.keywords.arguments import CONVERTERS, Cell, Duration, Topic
from fairpoll.keywords.session import SESSION
from fairpoll.run.faults import FAULTS, NO_FAULTS, FaultType, Scene

# A starting broker reads its log and joins its quorum, and its replicas catch up.
IN_SYNC_SECONDS = 90.0
NODES = (1, 2, 3)
# An argument of a fault -> its type, and an example.
ARGUMENTS: dict[str, tuple[Any, str]] = {
    "topic": (Topic, "quiet"),
    "mode": (Mode, "async"),
    "number": (int, "2"),
    "delay": (Duration, "200 ms"),
    "time": (Duration, "5 seconds"),
}


def with_faults(library: type) -> type:
    """A class decorator that adds a keyword for each fault."""
    for fault in FAULTS:
        setattr(library, fault.name, _keyword(fault))
    return library


def _keyword(fault: FaultType) -> Callable[..., None]:
    """A method that injects the fault, with the signature that Robot documents, converts and checks."""
    types = {name: ARGUMENTS[name][0] for name in fault.arguments}

    def run(_self: object, /, *cells: Any) -> None:
        values = {n: c.value if isinstance(c, Cell) else c for n, c in zip(types, cells, strict=True)}
        if "mode" in values:
            values["mode"] = SESSION.running_consumer(values["mode"])
        inject(fault, **values)

    place = Parameter.POSITIONAL_OR_KEYWORD
    parameters = [Parameter(name, place, annotation=kind) for name, kind in types.items()]
    run.__signature__ = Signature([Parameter("self", place), *parameters])  # type: ignore[attr-defined]
    run.__annotations__ = types
    run.__doc__ = _documentation(fault)
    decorated: Callable[..., None] = keyword(fault.keyword, tags=["fault"])(run)
    return decorated


def _documentation(fault: FaultType) -> str:
    example = fault.keyword
    for name in fault.arguments:
        example = example.replace(f"${{{name}}}", ARGUMENTS[name][1])
    kinds = f" Skips the test on other clusters than {', '.join(fault.kinds)}." if fault.needs else ""
    return f"{fault.documentation}\n\nFails if no scenario is running.{kinds}\n\nExample: `{example}`"


def scene() -> Scene:
    """The scenario that is running. Raises FairpollError if there is none, and the error that ended it."""
    return Scene(SESSION.running(), SESSION.admin)


def inject(fault: FaultType, **values: Any) -> None:
    """Inject the fault into the running scenario; skip the test if the cluster cannot inject it."""
    try:
        what = scene().inject(fault, **values)
    except ClusterUnavailableError as error:
        raise SkipExecution(str(error)) from None
    _log(what)


def _log(what: str) -> None:
    logger.info(f"{what[0].upper()}{what[1:]}.")


@library(scope="GLOBAL", doc_format="MARKDOWN", converters=CONVERTERS)
@with_faults
class FaultLibrary:
    """Injects faults into the scenario that `Start Scenario` started, and records each with its time.

    Broker faults need a `local` or `compose` cluster with three brokers. `topic` is a topic's name in the
    scenario, `mode` a consumer, `number` a broker, 1 to 3; `time` and `delay` are real times, such as
    5 seconds or 200 ms, which SPEED does not divide.
    """

    @keyword(tags=["fault"])
    def require_three_local_brokers(self) -> None:
        """Skips the tests that follow, with the reason, unless Fairpoll itself runs three brokers.

        Does nothing on `local` and `compose` with BROKERS:3.

        Example: `Require Three Local Brokers`
        """
        if SESSION.cluster is None or SESSION.cluster.faults is None:
            raise SkipExecution(NO_FAULTS)

    @keyword("Let Traffic Flow For ${time}", tags=["fault"])
    def let_traffic_flow(self, time: Duration) -> None:
        """Waits for this time. Fails at once if the scenario ends with an error meanwhile.

        Example: `Let Traffic Flow For 3 seconds`
        """
        SESSION.running().let_run(time.value)

    @keyword(tags=["fault"])
    def restart_stopped_brokers(self) -> None:
        """Starts the brokers that were killed or stopped, without waiting. Fails if there are none.

        Example: `Restart Stopped Brokers`
        """
        for what in scene().restart_stopped_brokers():
            _log(what)

    @keyword(tags=["fault"])
    def restore_all_brokers(self) -> None:
        """Starts, thaws and reconnects all brokers, and waits until all replicas are in sync.

        For teardowns. Fails if that takes more than 90 seconds; the message names what is missing.

        Example: `Restore All Brokers`
        """
        if SESSION.cluster is None or SESSION.cluster.faults is None:
            return
        for node in NODES:
            SESSION.cluster.faults.heal(node)
            SESSION.cluster.faults.start(node)
        wait_until_in_sync()


def wait_until_in_sync() -> None:
    """Wait until all brokers answer and all replicas are in sync. Raises DeadlineError."""
    seen = ""

    def in_sync() -> bool:
        nonlocal seen
        seen = SESSION.admin().what_is_missing(len(NODES))
        return not seen

    wait_until(in_sync, IN_SYNC_SECONDS, "all brokers with all replicas in sync", last_seen=lambda: seen)
