"""Rules between the keys of a scenario file, which JSON Schema cannot express."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from fairpoll.contract.records import DEAD_LETTERS
from fairpoll.contract.settings import PollSettings
from fairpoll.scenarios.model import WRITTEN, TopicPlan
from fairpoll.scenarios.source import Place
from fairpoll.scenarios.timeline import Step

# A larger run takes hours or the machine's memory, and is most likely a typing error.
MOST_MESSAGES = 10_000_000
MOST_PARTITIONS = 10_000

Broken = tuple[Place, str]


def topic_rules(
    entries: Mapping[str, Sequence[TopicPlan]], duration_seconds: float | None
) -> Iterator[Broken]:
    """Violations by topics, alone and together; `entries` maps a key of the file to its topics.

    Without a duration, rules that depend on it are not checked.
    """
    topics = [topic for several in entries.values() for topic in several]
    outputs = Counter(topic.output for topic in topics)
    names = Counter(topic.name for topic in topics)
    for key, several in entries.items():
        for place, sentence in _one_topics_rules(several[0], duration_seconds):
            yield ("topics", key, place), sentence
        if twice := next((topic.output for topic in several if outputs[topic.output] > 1), None):
            yield ("topics", key, "output"), f"{twice} is another topic's output too"
        if twice := next((topic.name for topic in several if names[topic.name] > 1), None):
            yield ("topics", key), f"{twice} is another topic's name too"
    partitions = sum(topic.partitions for topic in topics)
    if partitions > MOST_PARTITIONS:
        yield ("topics",), f"have {partitions:,} partitions in all; at most {MOST_PARTITIONS:,}"
    if duration_seconds is not None:
        messages = sum(topic.planned_messages(duration_seconds) for topic in topics)
        if messages > MOST_MESSAGES:
            yield ("topics",), f"plan {messages:,} messages in all; at most {MOST_MESSAGES:,}"


def _one_topics_rules(topic: TopicPlan, duration_seconds: float | None) -> Iterator[tuple[str, str]]:
    if topic.weights and (len(topic.weights) != topic.partitions or not sum(topic.weights)):
        yield "weights", f"needs one number for each of the {topic.partitions} partitions, not all 0"
    if topic.output == DEAD_LETTERS:
        yield "output", f"{DEAD_LETTERS} is the file of the dead letters; choose another name"
    if duration_seconds is None:
        return
    if topic.starts_after_seconds >= duration_seconds:
        yield "starts_after", f"must be before the end of the run, {duration_seconds:g} s"
    planned = topic.planned_messages(duration_seconds)
    if topic.poison and max(topic.poison) >= planned:
        yield "poison", f"there is no message {max(topic.poison)}; the topic's {planned:,} are counted from 0"


def fixed_name_rules(
    entries: Mapping[str, Sequence[TopicPlan]], names: str, group: str, *, reset_group: bool
) -> Iterator[Broken]:
    """Violations by fixed names; `entries` as for `topic_rules`, `names` is the scenario's key."""
    fixed = Counter(topic.fixed_name for several in entries.values() for topic in several)
    for key, several in entries.items():
        if twice := next((t.fixed_name for t in several if t.fixed_name and fixed[t.fixed_name] > 1), None):
            yield ("topics", key, "name"), f"{twice} is another topic's name too"
        if not (several[0].create or several[0].fixed_name):
            yield ("topics", key, "create"), "a topic that exists already needs its `name` on the cluster"
        if several[0].fixed_name and names not in ("", WRITTEN):
            yield ("names",), f"{names} cannot be: {key} has a fixed name, which sorts as it does"
    if reset_group and not group:
        yield ("reset_group",), "needs a `group`; a group of the run is new"


def run_rules(
    duration_seconds: float, control_seconds: float | None, timeline: Sequence[Step], settings: PollSettings
) -> Iterator[Broken]:
    """Violations by the run as a whole: control, timeline, timeouts."""
    if control_seconds is not None and control_seconds > duration_seconds:
        yield ("control_waits_at_least",), f"is longer than the run, {duration_seconds:g} s"
    yield from _timeline_rules(timeline, duration_seconds)
    session, poll = settings.session_timeout_ms, settings.max_poll_interval_ms
    if poll < session:
        yield (
            ("consumer",),
            f"max_poll_interval_ms, {poll}, must be at least session_timeout_ms, {session}: Kafka's own rule",
        )


def starvation_rules(
    topics: Sequence[TopicPlan], sink_rate: float, control_seconds: float | None, settings: PollSettings
) -> Iterator[Broken]:
    """Violations of two rules: there is a low-volume topic, and the control can starve as long as stated."""
    if not any(topic.volume == "low" for topic in topics):
        yield ("topics",), "no topic has `volume: low`; starvation is judged on low-volume topics"
    longest = _longest_wait_seconds(topics, sink_rate, settings)
    if control_seconds is not None and control_seconds > longest:
        sentence = (
            f"the control cannot starve for {control_seconds:g} s: the backlog and the traffic keep it busy "
            f"for {longest:.2g} s at most; write a larger backlog or a slower sink"
        )
        yield ("control_waits_at_least",), sentence


def _longest_wait_seconds(topics: Sequence[TopicPlan], sink_rate: float, settings: PollSettings) -> float:
    """An upper bound of a message's wait: how long the backlog and the traffic can keep a plain loop busy."""
    poll = settings.poll_interval_ms / 1000 / settings.max_poll_records
    seconds = [(topic, 1 / (topic.sink_rate or sink_rate) + poll) for topic in topics]
    backlog = sum((topic.backlog + topic.traffic.messages) * cost for topic, cost in seconds)
    load = sum(topic.traffic.messages / topic.traffic.interval_seconds * cost for topic, cost in seconds)
    return backlog / (1 - load) if load < 1 else math.inf


def _timeline_rules(steps: Sequence[Step], duration_seconds: float) -> Iterator[Broken]:
    """Each step must come before the end of the run, and act on a member in the right state."""
    running = {"first": True, "second": False}
    # A step's member, and whether it must be running before; after the step it is the other way round.
    effects = {
        "join": ("second", False, "a second member has joined already"),
        "leave": ("second", True, "no second member has joined"),
        "stop": ("first", True, "the first member is not running"),
        "kill": ("first", True, "the first member is not running"),
        "start": ("first", False, "the first member is running already"),
    }
    for index, step in sorted(enumerate(steps), key=lambda numbered: numbered[1].at_seconds):
        if step.at_seconds >= duration_seconds:
            yield ("timeline", index, "at"), f"must be before the end of the run, {duration_seconds:g} s"
        if step.action.verb in effects:
            member, needed, sentence = effects[step.action.verb]
            if running[member] is not needed:
                yield ("timeline", index, "do"), f"'{step.action.verb}' can do nothing then: {sentence}"
            running[member] = not needed
