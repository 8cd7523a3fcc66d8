"""The Extensions API of one environment, version 2020-01-01, as a state machine without sockets.

An external extension is a program of a layer's, known before it speaks; an internal one is part of the runtime's
process and registers itself. Each registers for events, and from then on asks for the next one: its first question ends
its initialisation, every further one its work on the event before. The words of refusals are those of AWS's emulator.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lamina.runtime_api.replies import ACCEPTED, JSON, Reply, refusal

EXTENSIONS_MAX: Final = 10
INVOKE: Final = "INVOKE"
SHUTDOWN: Final = "SHUTDOWN"
# How long the shutdown phase may take, with an external extension registered and with internal ones only.
EXTERNAL_SHUTDOWN_S: Final = 2.0
INTERNAL_SHUTDOWN_S: Final = 0.5
_NAME_CHARACTERS_MAX: Final = 255


class State(StrEnum):
    """Where an extension stands, by AWS's names."""

    STARTED = "Started"
    REGISTERED = "Registered"
    READY = "Ready"
    RUNNING = "Running"
    INIT_ERROR = "InitError"
    EXIT_ERROR = "ExitError"
    EXITED = "Exited"


_SPOKEN_TO: Final = (State.REGISTERED, State.READY, State.RUNNING)


@dataclass(frozen=True, slots=True)
class Facts:
    """What an extension is told of its function when it registers."""

    function_name: str
    function_version: str
    handler: str
    account: str


@dataclass(frozen=True, slots=True)
class ExtensionFailed:
    """An extension has ended the environment: "Extension.Crash" and its like, and what AWS says of it."""

    error_type: str
    text: str


@dataclass(slots=True, eq=False)
class _Extension:
    name: str
    external: bool
    identifier: str
    state: State = State.STARTED
    events: tuple[str, ...] = ()
    pending: Reply | None = None
    waiting: Callable[[Reply], None] | None = None
    error_type: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """An extension as platform.extension tells of it."""

    name: str
    external: bool
    state: State
    events: tuple[str, ...]
    error_type: str | None


class Extensions:
    """All extensions of one generation of processes.

    *changed* is called whenever one of them has come further, *failed* when one reports that it cannot go on.
    """

    def __init__(self, facts: Facts, changed: Callable[[], None], failed: Callable[[ExtensionFailed], None]) -> None:
        self._facts = facts
        self._changed, self._failed = changed, failed
        self._by_name: dict[str, _Extension] = {}
        self._by_identifier: dict[str, _Extension] = {}
        self._open = True

    def expect(self, names: Sequence[str]) -> None:
        """These programs are being started; each is to register by its file's name."""
        for name in names:
            self._add(name, external=True)

    @property
    def all_registered(self) -> bool:
        """Whether every program that was started has registered, and none has ended before it did."""
        return all(each.state not in (State.STARTED, State.EXITED) for each in self._by_name.values())

    @property
    def all_ready(self) -> bool:
        """Whether all of them have asked for their next event."""
        return all(each.state is State.READY for each in self._by_name.values())

    @property
    def count(self) -> int:
        return len(self._by_name)

    @property
    def shutdown_s(self) -> float:
        """How long the shutdown phase may take."""
        if not self._by_name:
            return 0.0
        external = any(each.external for each in self._by_name.values())
        return EXTERNAL_SHUTDOWN_S if external else INTERNAL_SHUTDOWN_S

    def seen(self) -> list[Seen]:
        """All of them, as they stand now."""
        return [
            Seen(each.name, each.external, each.state, each.events, each.error_type) for each in self._by_name.values()
        ]

    def subscribers(self, event: str) -> list[str]:
        """The names of the external ones that want to be told of *event*."""
        return [each.name for each in self._by_name.values() if each.external and event in each.events]

    def close_registration(self) -> None:
        """Initialisation is over for the runtime: nobody registers any more."""
        self._open = False

    # What they ask

    def register(self, name: str, body: bytes, accepted_features: str) -> Reply:
        """POST /extension/register"""
        if not name:
            return refusal(403, "Extension.InvalidExtensionName", "Empty extension name")
        events = _events(body)
        if isinstance(events, str):
            return refusal(403, "InvalidRequestFormat", events)
        extension = self._by_name.get(name)
        allowed = (INVOKE, SHUTDOWN) if extension is not None and extension.external else (INVOKE,)
        for event in events:
            if event not in allowed:
                known = event in (INVOKE, SHUTDOWN)
                why = "event not supported for internal extensions" if known else "invalid event type"
                return refusal(403, "Extension.InvalidEventType", f"{event[:100]}: {why}")
        if extension is None:
            if refused := self._refuse_internal(name):
                return refused
            extension = self._add(name, external=False)
        elif not extension.external:
            return refusal(403, "Extension.InvalidExtensionState", "Extension with this name already registered")
        elif extension.state is not State.STARTED:
            return _not_allowed(extension.state, State.REGISTERED, name)
        extension.state, extension.events = State.REGISTERED, tuple(dict.fromkeys(events))
        self._changed()
        return self._registered(extension, accepted_features)

    def next(self, identifier: str | None, reply: Callable[[Reply], None]) -> Reply | None:
        """GET /extension/event/next: the reply; None if *reply* is called once there is an event."""
        extension = self._find(identifier)
        if isinstance(extension, Reply):
            return extension
        if extension.state not in _SPOKEN_TO:
            return _not_allowed(extension.state, State.READY, extension.identifier)
        extension.waiting = reply
        if extension.pending is not None:
            self._deliver(extension)
        elif extension.state is not State.READY:
            extension.state = State.READY
            self._changed()
        return None

    def hung_up(self, reply: Callable[[Reply], None]) -> None:
        """The connection on which *reply* waits has gone."""
        for extension in self._by_name.values():
            if extension.waiting is reply:
                extension.waiting = None

    def init_error(self, identifier: str | None, error_type: str | None) -> Reply:
        """POST /extension/init/error"""
        return self._report(identifier, error_type, State.INIT_ERROR, (State.REGISTERED,))

    def exit_error(self, identifier: str | None, error_type: str | None) -> Reply:
        """POST /extension/exit/error"""
        return self._report(identifier, error_type, State.EXIT_ERROR, _SPOKEN_TO)

    def name_of(self, identifier: str | None) -> str | Reply:
        """Who *identifier* is; the refusal if nobody."""
        extension = self._find(identifier)
        return extension if isinstance(extension, Reply) else extension.name

    # What they are told

    def invoke(self, event: Mapping[str, object]) -> None:
        """An invocation begins: tell those who registered for it."""
        self._tell(INVOKE, event)

    def shut_down(self, event: Mapping[str, object]) -> None:
        """The environment ends: tell those who registered for it."""
        self._tell(SHUTDOWN, event)

    def ended(self, name: str) -> None:
        """The program *name* has exited."""
        extension = self._by_name.get(name)
        if extension is not None:
            extension.state = State.EXITED
            self._changed()

    def _tell(self, kind: str, event: Mapping[str, object]) -> None:
        body = json.dumps({"eventType": kind, **event}, separators=(",", ":")).encode()
        headers = {"Lambda-Extension-Event-Identifier": str(uuid.uuid4()), "Content-Type": JSON}
        for extension in self._by_name.values():
            if kind in extension.events and extension.state in _SPOKEN_TO:
                extension.pending = Reply(200, body, headers)
                extension.state = State.RUNNING
                if extension.waiting is not None:
                    self._deliver(extension)

    def _deliver(self, extension: _Extension) -> None:
        pending, extension.pending = extension.pending, None
        waiting, extension.waiting = extension.waiting, None
        assert pending is not None
        assert waiting is not None
        waiting(pending)

    def _report(self, identifier: str | None, error_type: str | None, new: State, allowed: Sequence[State]) -> Reply:
        extension = self._find(identifier)
        if isinstance(extension, Reply):
            return extension
        if not error_type:
            missing = "Lambda-Extension-Function-Error-Type not found"
            return refusal(403, "Extension.MissingHeader", missing)
        if extension.state not in allowed:
            return _not_allowed(extension.state, new, extension.identifier)
        extension.state, extension.error_type = new, error_type[:_NAME_CHARACTERS_MAX]
        self._failed(ExtensionFailed(f"Extension.{new}", extension.error_type))
        return ACCEPTED

    def _find(self, identifier: str | None) -> _Extension | Reply:
        if not identifier:
            kind = "Extension.MissingExtensionIdentifier"
            return refusal(403, kind, "Missing Lambda-Extension-Identifier header")
        try:
            normal = str(uuid.UUID(identifier))
        except ValueError:
            kind = "Extension.InvalidExtensionIdentifier"
            return refusal(403, kind, "Invalid Lambda-Extension-Identifier")
        extension = self._by_identifier.get(normal)
        if extension is None:
            return refusal(403, "Extension.UnknownExtensionIdentifier", f"Unknown extension {normal}")
        return extension

    def _refuse_internal(self, name: str) -> Reply | None:
        if not self._open:
            return refusal(403, "Extension.RegistrationClosed", "Extension registration closed already")
        if len(self._by_name) >= EXTENSIONS_MAX:
            return refusal(403, "Extension.TooManyExtensions", f"Extension limit ({EXTENSIONS_MAX}) reached")
        if len(name) > _NAME_CHARACTERS_MAX:
            return refusal(403, "Extension.InvalidExtensionName", "Extension name is too long")
        return None

    def _add(self, name: str, *, external: bool) -> _Extension:
        extension = _Extension(name, external, str(uuid.uuid4()))
        self._by_name[name] = self._by_identifier[extension.identifier] = extension
        return extension

    def _registered(self, extension: _Extension, accepted_features: str) -> Reply:
        facts = self._facts
        told = {
            "functionName": facts.function_name,
            "functionVersion": facts.function_version,
            "handler": facts.handler,
        }
        if "accountId" in (feature.strip() for feature in accepted_features.split(",")):
            told["accountId"] = facts.account
        headers = {"Content-Type": JSON, "Lambda-Extension-Identifier": extension.identifier}
        return Reply(200, json.dumps(told).encode(), headers)


def _events(body: bytes) -> list[str] | str:
    """What a body of `register` asks for, or what is wrong with it."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        return "the body is no JSON"
    if not isinstance(request, dict):
        return "the body is no JSON object"
    if request.get("configurationKeys"):
        return "configurationKeys are deprecated; use environment variables instead"
    events = request.get("events") or []
    if not isinstance(events, list) or not all(isinstance(event, str) for event in events):
        return "events must be a list of strings"
    return events


def _not_allowed(present: State, wanted: State, who: str) -> Reply:
    message = f"State transition from {present} to {wanted} failed for extension {who}."
    message += " Error: State transition is not allowed"
    return refusal(403, "Extension.InvalidExtensionState", message)
