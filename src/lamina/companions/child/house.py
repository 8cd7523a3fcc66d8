"""Questions answered by moto, those that change something one after the other, and kept before they are answered."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from botocore.model import OperationNotFoundError

from lamina.companions import recording
from lamina.companions.child import certainty
from lamina.companions.child.asking import Forbidden, Moto, NotOffered
from lamina.companions.child.hearing import collected
from lamina.companions.child.journal import Entry, Journal
from lamina.companions.messages import TRACE_HEADER, Question

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answered:
    """The head that is sent, and the body."""

    head: dict[str, Any]
    body: bytes


class House:
    """The services with everything that *folder* tells of them; making it may take a while."""

    def __init__(self, folder: Path) -> None:
        self._moto = Moto()
        self._journal = Journal(folder)
        self._changing = threading.Lock()
        self._journal.shorten()
        for entry in self._journal.entries():
            self._repeat(entry)

    def answer(self, question: Question) -> Answered:
        """What moto says to *question*; of what it cannot answer, why."""
        service = recording.service_of(question)
        try:
            with collected(question.header(TRACE_HEADER)) as heard:
                if recording.changes(question, service):
                    status, headers, body = self._change(question)
                else:
                    status, headers, body = self._moto.ask(question)
        except Forbidden:
            return _failed("AccessDenied", 403, f"{question.path} is no bucket's: it is for moto alone.")
        except NotOffered:
            return _failed("NotImplemented", 501, f"Neither Lamina nor moto, which answers beside it, has {service}.")
        except (NotImplementedError, OperationNotFoundError) as error:
            operation = recording.operation_of(question) or f"{question.method} {question.path}"
            return _failed("NotImplemented", 501, f"moto, which answers for {service}, cannot do {operation}: {error}")
        except Exception:  # noqa: BLE001 - whatever moto trips over, the caller gets an answer and the log the cause
            _log.exception("moto failed at %s %s for %s", question.method, question.path, service)
            return _failed(
                "InternalFailure", 500, f"moto, which answers for {service}, failed: the server's log says how."
            )
        head = {"status": status, "headers": headers, "length": len(body)}
        if heard.triggers:
            head["triggers"] = [asdict(trigger) for trigger in heard.triggers]
        if heard.arrivals:
            head["arrivals"] = sorted(heard.arrivals)
        return Answered(head, body)

    def _change(self, question: Question) -> tuple[int, list[tuple[str, str]], bytes]:
        with self._changing:
            entry = Entry(time.time(), certainty.new_seed(), question)
            with certainty.seeded(entry.seed):
                answer = self._moto.ask(question)
            if answer[0] < 400:
                self._journal.append(entry)
            return answer

    def _repeat(self, entry: Entry) -> None:
        question = entry.question
        try:
            with certainty.at(entry.at), certainty.seeded(entry.seed):
                status, _, _ = self._moto.ask(question)
        except Exception:  # noqa: BLE001 - one that another version of moto no longer understands must not cost the rest
            _log.exception("%s %s could not be repeated", question.method, question.target)
            return
        if status >= 400:
            _log.warning("%s %s was repeated, and answered with %d", question.method, question.target, status)


def _failed(code: str, status: int, message: str) -> Answered:
    return Answered({"failure": code, "status": status, "message": message}, b"")
