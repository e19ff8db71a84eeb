"""From findings to the message of a test."""

import pytest

from fairpoll.checkers import Finding
from fairpoll.keywords.judging import _message


def finding(status: str, sentence: str = "async did what") -> Finding:
    return Finding(
        criterion="c", consumer="async", expected="e", measured="m", sentence=sentence, status=status
    )  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("statuses", "message"),
    [
        (["fail"], "async did what; evidence"),
        (["inconclusive"], "INCONCLUSIVE: async did what; evidence"),
        (
            ["inconclusive", "inconclusive"],
            "INCONCLUSIVE: 2 of 5 criteria not met; evidence\n- async did what\n- async did what",
        ),
        (
            ["fail", "inconclusive"],
            "2 of 5 criteria not met; evidence\n- async did what\n- INCONCLUSIVE: async did what",
        ),
    ],
)
def test_a_failure_outweighs_what_is_inconclusive(statuses: list[str], message: str):
    assert _message([finding(status) for status in statuses], 5, "evidence") == message
