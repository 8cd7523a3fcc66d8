"""What a question causes beyond its answer is collected for it, and for no other."""

from __future__ import annotations

from lamina.companions.child.hearing import collected, heard

QUEUE = "arn:aws:sqs:eu-west-1:123456789012:orders"


def test_a_question_that_is_repeated_causes_nothing() -> None:
    with collected() as first:
        assert heard() is first
    assert heard() is None
    with collected() as second:
        assert second is not first


def test_messages_that_come_back_together_are_told_of_once_and_not_too_early() -> None:
    with collected() as found:
        for at in (0, 0, 7.01, 7.2, 7.25, 0):
            found.arrives(QUEUE, at)
    assert found.arrivals == {(QUEUE, 0), (QUEUE, 7.25), (QUEUE, 7.5)}
