"""Every step a runtime may take, and those it may not."""

from __future__ import annotations

import json

import pytest

from lamina.runtime_api.replies import Reply
from lamina.runtime_api.session import RESPONSE_BYTES_MAX, Answer, InitFailed, Offer, RuntimeSession

OFFER = Offer("ID", {"Lambda-Runtime-Aws-Request-Id": "ID"}, b'{"a": 1}')


class Peer:
    """A session, with what it told the worker and what it replied to waiting requests."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.replies: list[Reply] = []
        self.session = RuntimeSession(lambda: self.told.append("ready"), self.told.append, self.told.append)

    def next(self) -> None:
        reply = self.session.next(self.replies.append)
        if reply is not None:
            self.replies.append(reply)


@pytest.fixture
def peer() -> Peer:
    return Peer()


@pytest.fixture
def running(peer: Peer) -> Peer:
    peer.next()
    peer.session.offer(OFFER)
    peer.told.clear()
    peer.replies.clear()
    return peer


def refusal(reply: Reply) -> tuple[int, str, str]:
    body = json.loads(reply.body)
    return reply.status, body["errorType"], body["errorMessage"]


def test_asking_for_an_event_says_that_the_runtime_is_ready(peer: Peer) -> None:
    peer.next()
    assert peer.told == ["ready"]
    peer.session.offer(OFFER)
    assert peer.session.response("ID", b"1").status == 202
    peer.next()
    assert peer.told == ["ready", Answer("ID", b"1"), "ready"]
    assert peer.session.waiting


def test_an_event_waits_for_the_runtime_and_the_runtime_for_an_event(peer: Peer) -> None:
    peer.session.offer(OFFER)
    assert peer.replies == []
    peer.next()
    expected = Reply(200, b'{"a": 1}', {"Content-Type": "application/json", "Lambda-Runtime-Aws-Request-Id": "ID"})
    assert peer.replies == [expected]

    assert peer.session.response("ID", b"1").status == 202
    peer.next()
    assert len(peer.replies) == 1
    peer.session.offer(Offer("ID2", {}, b"2"))
    assert peer.replies[1].body == b"2"


def test_there_is_one_event_at_a_time(running: Peer) -> None:
    with pytest.raises(AssertionError):
        running.session.offer(Offer("ID2", {}, b"2"))


def test_no_event_is_offered_over_another(peer: Peer) -> None:
    peer.session.offer(OFFER)
    with pytest.raises(AssertionError):
        peer.session.offer(Offer("ID2", {}, b"2"))


def test_asking_again_before_answering_is_refused(running: Peer) -> None:
    running.next()
    assert refusal(running.replies[0]) == (
        403,
        "InvalidStateTransition",
        "State transition from Running to Ready failed",
    )
    assert running.session.response("ID", b"still taken").status == 202


def test_an_answer_is_told_as_it_is(running: Peer) -> None:
    assert running.session.response("ID", b"\xff\x00").status == 202
    assert running.told == [Answer("ID", b"\xff\x00")]


def test_an_error_is_told_with_its_type(running: Peer) -> None:
    reply = running.session.error("ID", b'{"errorMessage": "x"}', "Function.Broken")
    assert (reply.status, json.loads(reply.body)) == (202, {"status": "OK"})
    assert running.told == [Answer("ID", b'{"errorMessage": "x"}', error_type="Function.Broken")]


def test_an_error_without_a_type_gets_one(running: Peer) -> None:
    running.session.error("ID", b"{}", "")
    assert running.told == [Answer("ID", b"{}", error_type="Runtime.Unknown")]


@pytest.mark.parametrize("kind", ["response", "error", "too large"])
@pytest.mark.parametrize("moment", ["never offered", "other", "twice"])
def test_answers_to_anything_but_the_current_event_are_refused(peer: Peer, kind: str, moment: str) -> None:
    if moment != "never offered":
        peer.next()
        peer.session.offer(OFFER)
    if moment == "twice":
        peer.session.response("ID", b"1")
    request_id = "other" if moment == "other" else "ID"
    peer.told.clear()
    if kind == "response":
        reply = peer.session.response(request_id, b"2")
    elif kind == "error":
        reply = peer.session.error(request_id, b"2", "Type")
    else:
        reply = peer.session.response_too_large(request_id)
    assert refusal(reply) == (400, "InvalidRequestID", "Invalid request ID")
    assert peer.told == []


def test_an_event_offered_and_not_yet_fetched_cannot_be_answered(peer: Peer) -> None:
    peer.session.offer(OFFER)
    assert peer.session.response("ID", b"1").status == 400


def test_an_answer_may_have_6_mb_and_100_bytes(running: Peer) -> None:
    fits = bytes(RESPONSE_BYTES_MAX)
    assert running.session.response("ID", fits).status == 202
    assert running.told == [Answer("ID", fits)]


def test_a_larger_one_is_refused_and_is_the_outcome(running: Peer) -> None:
    reply = running.session.response("ID", bytes(RESPONSE_BYTES_MAX + 1))
    assert refusal(reply) == (
        413,
        "RequestEntityTooLarge",
        "Exceeded maximum allowed payload size (6291556 bytes).",
    )
    assert running.told == [Answer("ID", b"", too_large=True)]
    running.next()
    running.session.offer(Offer("ID2", {}, b"2"))
    assert running.replies[-1].body == b"2"


def test_a_runtime_that_cannot_get_ready_says_why(peer: Peer) -> None:
    assert peer.session.init_error(b'{"errorMessage": "x"}', "Runtime.ImportModuleError").status == 202
    assert peer.told == [InitFailed(b'{"errorMessage": "x"}', "Runtime.ImportModuleError")]


def test_once_ready_it_may_not_say_so_any_more(running: Peer) -> None:
    reply = running.session.init_error(b"{}", "Type")
    assert refusal(reply) == (403, "InvalidStateTransition", "State transition from Ready to InitError failed")
    assert running.told == []


def test_a_connection_that_hangs_up_is_given_nothing(peer: Peer) -> None:
    gone: list[Reply] = []
    # One object, as a connection keeps it: it is known by its identity.
    reply = gone.append
    peer.session.next(reply)
    peer.session.hung_up(reply)
    peer.session.offer(OFFER)
    assert gone == []
    peer.next()
    assert peer.replies[0].body == OFFER.payload


def test_an_old_connection_that_hangs_up_takes_nothing_from_a_new_one(peer: Peer) -> None:
    old: list[Reply] = []
    reply = old.append
    peer.session.next(reply)
    peer.next()
    peer.session.hung_up(reply)
    peer.session.offer(OFFER)
    assert (old, len(peer.replies)) == ([], 1)
