"""Where a runtime waits between its snapshot and its restore."""

from __future__ import annotations

from lamina.runtime_api.replies import Reply
from lamina.runtime_api.restoring import Restoring
from lamina.runtime_api.session import InitFailed


class Conversation:
    def __init__(self, held: bool) -> None:
        self.waited = 0
        self.failures: list[InitFailed] = []
        self.replies: list[Reply] = []
        self.restoring = Restoring(held, self._waits, self.failures.append)

    def _waits(self) -> None:
        self.waited += 1

    def ask(self) -> Reply | None:
        return self.restoring.next(self.replies.append)


def test_without_a_snapshot_the_wait_is_over_at_once() -> None:
    talk = Conversation(held=False)
    assert talk.ask() == Reply(200)
    assert talk.waited == 0


def test_who_is_held_goes_on_when_the_environment_is_restored() -> None:
    talk = Conversation(held=True)
    assert talk.ask() is None
    assert (talk.waited, talk.restoring.waiting, talk.replies) == (1, True, [])
    talk.restoring.restore()
    assert (talk.replies, talk.restoring.waiting) == ([Reply(200)], False)
    assert talk.ask() == Reply(200)


def test_who_has_hung_up_is_told_nothing() -> None:
    talk = Conversation(held=True)
    reply = talk.replies.append
    talk.restoring.next(reply)
    talk.restoring.hung_up(print)
    assert talk.restoring.waiting
    talk.restoring.hung_up(reply)
    talk.restoring.restore()
    assert talk.replies == []


def test_a_hook_can_fail_behind_the_restore_and_not_before() -> None:
    talk = Conversation(held=True)
    talk.ask()
    assert not talk.restoring.takes_error()
    assert talk.restoring.error(b"{}", "Runtime.Early").status == 403
    talk.restoring.restore()
    assert talk.restoring.takes_error()
    assert talk.restoring.error(b"{}", "Runtime.AfterRestoreError").status == 202
    assert talk.restoring.error(b"", "").status == 202
    assert talk.failures == [InitFailed(b"{}", "Runtime.AfterRestoreError"), InitFailed(b"", "Runtime.Unknown")]
