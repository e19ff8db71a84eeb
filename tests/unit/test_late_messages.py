"""A wait begins when the broker had the message; a failure is excused by what late messages can have cost."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from fairpoll.checkers import CRITERIA, RUN_CRITERIA, Finding
from fairpoll.evidence.facts import FaultFacts
from fairpoll.evidence.measures import latency, oldest_wait_curve
from fairpoll.evidence.records import Acked
from histories import SCENARIO, acked, consumer, delivered, recording

PLAN = replace(
    SCENARIO,
    topics=tuple(replace(t, backlog=59 if t.volume == "low" else 0) for t in SCENARIO.topics),
)


def sent(*, late: dict[int, float], by_producer: bool = False) -> list[Acked]:
    """A low-volume message a second; `late` has the seconds by which some are acked late."""
    return [
        replace(
            m,
            sent=m.intended + (late.get(m.sequence, 0.0) if by_producer else 0.0),
            acked=m.intended + late.get(m.sequence, 0.01),
        )
        for m in acked("low", *range(60))
    ]


def made(messages: Iterable[Acked], at: dict[int, float], waits_since: str = "ack"):
    """Each message is delivered 0.1 s after its ack, those in `at` then."""
    messages = list(messages)
    records = [delivered("low", m.offset, at.get(m.offset, (m.acked or 0.0) + 0.1)) for m in messages]
    served = consumer("async", delivered("high", 0, 0.1), *records)
    facts = {"start_ms": 0.0, "stopped_ms": 60_000.0, "waits_since": waits_since}
    high = replace(acked("high", 0)[0], acked=0.01)
    return recording([*messages, high], served, scenario=PLAN, facts=facts)


def judge(check: str, run, **thresholds) -> Finding:
    return CRITERIA[check](run, "async", **thresholds)


def waiting(run, seconds: float = 5) -> Finding:
    return judge("oldest_wait_at_most", run, volume="low", seconds=seconds)


def test_a_slow_ack_is_no_wait():
    run = made(sent(late={20: 12.0}), {})
    finding = waiting(run)
    assert (finding.status, finding.measured) == ("pass", "0.1 s")
    assert judge("due_messages_delivered", run, volume="low", seconds=5).status == "pass"
    assert latency(run, "async", "low")["max"] == pytest.approx(0.1)
    assert oldest_wait_curve(run, "async", ["low"])[:, 1].max() == pytest.approx(0.1)
    assert waiting(made(sent(late={20: 12.0}), {}, waits_since="due")).status == "inconclusive"


def test_both_waits_are_named_where_they_differ():
    finding = waiting(made(sent(late={20: 3.0}), {20: 32.0}))
    assert (
        "let message low/0@20 wait 9.0 s (12.0 s since it was due), expected at most 5 s" in finding.sentence
    )
    assert finding.figures["since_due_seconds"] == 12.0
    prompt = waiting(made(sent(late={}), {20: 32.0}))
    assert "wait 12.0 s, expected at most 5 s" in prompt.sentence


def test_a_delivery_before_the_ack_has_not_waited():
    assert waiting(made(sent(late={20: 3.0}), {20: 21.0})).figures["oldest_wait_seconds"] == pytest.approx(
        0.1
    )


@pytest.mark.parametrize("by_producer", [True, False])
def test_a_failure_is_excused_by_as_much_as_messages_came_late(by_producer: bool):
    # Message 22 waits 7 s, from 22.0 to 29.0; message 21 arrives meanwhile, 2.5 s late.
    late = sent(late={21: 2.5}, by_producer=by_producer)
    finding = waiting(made(late, {22: 29.0}))
    assert finding.status == "inconclusive"
    most = "the producer sent it 2.5 s late" if by_producer else "the broker took 2.5 s to ack it"
    assert finding.sentence.startswith(
        f"1 message came over 1 s late, by up to 2.5 s (low/0@21 at second 21.0: {most}), without which the "
        "limit is kept (async let message low/0@22 wait 7.0 s"
    )
    assert waiting(made(late, {22: 30.0})).status == "fail"


def test_a_slow_ack_anywhere_excuses_nothing():
    assert waiting(made(sent(late={50: 2.5}), {22: 29.0})).status == "fail"
    assert waiting(made(sent(late={10: 2.5}), {22: 29.0})).status == "fail"


def test_a_silence_is_not_excused_by_late_messages():
    late = sent(late={21: 2.5})
    silent = {n: 29.0 + n / 1000 for n in range(21, 29)}
    assert judge("no_stall", made(late, silent), seconds=5).status == "fail"


def outage(silent_until: float, acked_at: float, *, begin: int = 20, **facts: object) -> Finding:
    """The finding of a consumer that is silent from second 19 on, while message 19 waits.

    What is sent from second `begin` to 32 is acked at second `acked_at`.
    """
    messages = sent(late={n: max(0.01, acked_at - n) for n in range(begin, 32)})
    silent = {n: silent_until + n / 1000 for n in range(19, int(silent_until))}
    run = made(messages, silent)
    run = replace(run, facts=replace(run.facts, **facts))  # type: ignore[arg-type]
    return judge("no_stall", run, seconds=5)


def test_a_silence_while_the_brokers_acked_nothing_accuses_nobody():
    """Such as that of a consumer that waits for the answer to its commit."""
    finding = outage(33.0, 32.0)
    assert finding.status == "inconclusive"
    assert finding.sentence.startswith(
        "the brokers acked nothing for 12.0 s at second 20.0, with messages outstanding, without which the "
        "limit is kept (async delivered nothing for "
    )


def test_a_silence_beside_an_outage_of_the_brokers_fails():
    assert outage(39.0, 32.0).status == "fail"
    assert outage(33.0, 32.0, begin=28).status == "fail"
    assert outage(33.0, 32.0, waits_since="due").status == "fail"


def test_brokers_that_have_nothing_to_ack_are_not_out_of_order():
    messages = [m for m in sent(late={}) if not 20 < m.sequence < 40]
    assert judge("no_stall", made(messages, {20: 39.0}), seconds=5).status == "fail"


def test_an_outage_that_was_injected_excuses_nothing():
    injected = FaultFacts("broker", "froze broker 2", 20_000.0, 32_000.0)
    assert outage(33.0, 32.0, faults=(injected,)).status == "fail"


def test_a_count_is_excused_by_the_late_messages_of_its_topics():
    late = sent(late=dict.fromkeys((56, 57, 58), 4.0))
    run = made(late, {})  # they are delivered after the end
    assert judge("delivered_at_least", run, volume="low", records=60).status == "inconclusive"
    assert judge("delivered_at_least", run, volume="low", records=61).status == "fail"
    assert judge("delivered_at_least", run, volume="high", records=2).status == "fail"


def test_harder_conditions_are_named_and_do_not_void_the_run():
    sound = RUN_CRITERIA["recording_is_sound"]
    run = made(sent(late={20: 3.0}), {})
    assert sound(run).status == "pass"
    assert (
        sound(run).sentence == "the run can be judged; the broker took 3.0 s to ack a message (allowed 1 s)"
    )
    assert sound(made(sent(late={20: 3.0}), {}, waits_since="due")).status == "inconclusive"
