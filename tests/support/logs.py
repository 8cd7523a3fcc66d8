"""What functions logged: as it stands in a state folder, or as it was passed on to be written."""

from __future__ import annotations

from pathlib import Path

from lamina.log_store import batches
from lamina.log_store.groups import LogGroups
from lamina.log_store.reading import LogReader, Wanted
from lamina.log_store.writing import LogWriter
from lamina.logs.names import LogGroupArn
from lamina.names import Scope
from tests.support.server import ACCOUNT, REGION


def logged(state: Path, function: str) -> list[str]:
    """Every message of the function's own log group, in their order; of any length, and while the server runs."""
    folder = LogGroups(state / "logs" / "v1").folder(LogGroupArn(Scope(ACCOUNT, REGION), f"/aws/lambda/{function}"))
    reader, messages, after = LogReader(), list[str](), -1
    while True:
        page = reader.page(folder, Wanted(0, 1 << 62, after), {}, 10_000, forward=True)
        messages += [event.message for event in page.events]
        if page.resume is None:
            return messages
        after = page.resume


class Written(LogWriter):
    """A writer that keeps what it is given: `batches`, each with its group and stream."""

    def __init__(self) -> None:
        self.batches: list[tuple[LogGroupArn, str, bytes]] = []

    def write(self, group: LogGroupArn, stream: str, batch: bytes) -> None:
        self.batches.append((group, stream, batch))

    def events(self) -> list[tuple[int, str]]:
        """Time and message of every event."""
        data = b"".join(batch for _, _, batch in self.batches)
        return [(ms, batches.text(line)) for held in batches.find(data) for _, ms, line in batches.events(data, held)]

    def text(self) -> str:
        return "".join(message for _, message in self.events())
