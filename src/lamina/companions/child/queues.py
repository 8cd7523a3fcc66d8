"""moto's queues, which tell when there is something to receive from them; and one change of theirs after the other.

Mappings of queues to functions are served by the server, which looks at a queue when it is told to, and at no other
time. A message can be received when it was sent and its delay is over, when it was received and not deleted in time,
when somebody made it visible again, and, in a FIFO queue, when the one before it in its group is gone.

moto deletes by making a new list of all that stays, and receives by looking first and marking later: two of its
threads at once lose what was sent in between, or receive the same message.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, Final

from lamina.companions.child import hearing

_QUEUE: Final = "lamina_queue"
_TRACE: Final = "AWSTraceHeader"
# How often a receiver that waits looks whether a message that was hidden has come back.
_LOOK_SECONDS: Final = 1.0
_changing: Final = threading.RLock()


def _tell(queue: str | None, at_ms: float) -> None:
    """That *queue*'s message can be received from *at_ms* on, moto's milliseconds; at once where that is past."""
    heard = hearing.heard()
    if heard is not None and queue is not None:
        heard.arrives(queue, 0 if at_ms <= time.time() * 1000 else at_ms / 1000)


@cache
def lead_queues() -> None:
    """Have queues tell of their messages. Before SQS answers its first question."""
    from moto.sqs.models import Message, Queue, SQSBackend  # noqa: PLC0415 - not before SQS is asked

    add, delete, receive = Queue.add_message, Queue.delete_message, SQSBackend.receive_message
    hide = Message.change_visibility

    def add_message(queue: Any, message: Any) -> None:
        setattr(message, _QUEUE, queue.queue_arn)
        heard = hearing.heard()
        if heard is not None and heard.trace is not None:
            # SQS takes it from the request, where the message does not bring one itself.
            message.system_attributes.setdefault(_TRACE, {"DataType": "String", "StringValue": heard.trace})
        add(queue, message)
        _tell(queue.queue_arn, message.delayed_until)

    def delete_message(queue: Any, receipt_handle: str) -> None:
        delete(queue, receipt_handle)
        if queue.fifo_queue:
            _tell(queue.queue_arn, 0)

    def change_visibility(message: Any, visibility_timeout: int) -> None:
        hide(message, visibility_timeout)
        _tell(getattr(message, _QUEUE, None), message.visible_at)

    def receive_message(backend: Any, queue_name: str, count: int, wait_seconds_timeout: int, *more: Any) -> Any:
        until = time.monotonic() + wait_seconds_timeout
        while True:
            with _changing:
                found = receive(backend, queue_name, count, 0, *more)
            left = until - time.monotonic()
            if found or left <= 0:
                return found
            backend.get_queue(queue_name).wait_for_messages(min(left, _LOOK_SECONDS))

    replacing: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
        (Queue, "add_message", _alone(add_message)),
        (Queue, "delete_message", _alone(delete_message)),
        (Message, "change_visibility", change_visibility),
        (SQSBackend, "receive_message", receive_message),
        (SQSBackend, "purge_queue", _alone(SQSBackend.purge_queue)),
        (SQSBackend, "change_message_visibility", _alone(SQSBackend.change_message_visibility)),
    )
    for owner, name, replacement in replacing:
        setattr(owner, name, replacement)


def _alone(work: Callable[..., Any]) -> Callable[..., Any]:
    """*work*, but not while another thread changes a queue."""

    @wraps(work)
    def working(*given: Any, **more: Any) -> Any:
        with _changing:
            return work(*given, **more)

    return working
