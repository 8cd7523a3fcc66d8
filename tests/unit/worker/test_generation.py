"""The processes of an environment from one start to the next: who is awaited, what ends it, how it takes leave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from lamina.invocations.calls import ProcessEnd
from lamina.runtime_api.connections import Connections, Conversation, Head
from lamina.runtime_api.extensions import ExtensionFailed, Facts
from lamina.runtime_api.replies import Reply
from lamina.runtime_api.session import Answer, InitFailed, Offer
from lamina.worker.generation import Cast, Generation
from lamina.worker.happenings import Exited, Failed, TimeIsUp
from lamina.worker.platform_log import PlatformLog
from lamina.worker.processes import Processes, Program

_PATIENCE_S = 60
CAST = Cast(Program({}, "/var/task"), Program({}, "/"), Facts("f", "1", "app.handler", "123456789012"), False)
EVENT = {"requestId": "ID"}


class FakeProcesses:
    """Whose processes start at once, and end when they are killed or told to."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.log: list[str] = []
        # A runtime is there from the start where it need not wait for anybody.
        self.alive = set() if house.found else {"runtime"}
        # Those that do not heed SIGTERM.
        self.deaf: set[str] = set()

    @property
    def runtime_running(self) -> bool:
        return "runtime" in self.alive

    def extension_running(self, name: str) -> bool:
        return name in self.alive

    def start_runtime(self, _program: Program) -> None:
        self.log.append("runtime")
        self.alive.add("runtime")

    def start_extension(self, name: str, program: Program) -> None:
        assert program.argv == (f"/opt/extensions/{name}",)
        self.log.append(name)
        self.alive.add(name)

    def end_runtime(self, number: int) -> None:
        self.log.append(f"runtime gets {int(number)}")
        if "runtime" not in self.deaf or number == 9:
            self.end(None, ProcessEnd(signal=int(number)))

    def kill_extension(self, name: str) -> None:
        self.log.append(f"{name} is killed")
        self.end(name, ProcessEnd(signal=9))

    def end(self, extension: str | None, end: ProcessEnd) -> None:
        self.alive.discard(extension or "runtime")
        self._house.generation.exited(extension, end)

    async def connect(self, _address: str, _port: int) -> Any:
        raise ConnectionRefusedError


class FakePlatform:
    def __init__(self) -> None:
        self.said: list[object] = []

    def listen(self, *_: object) -> None:
        """Nobody is told here."""

    def init_begins(self, phase: str) -> None:
        self.said.append(("begins", phase))

    def init_runtime_done(self, phase: str, verdict: object) -> None:
        self.said.append(("runtime done", phase, verdict))

    def init_ended(self, phase: str, _ms: float, verdict: object) -> None:
        self.said.append(("ended", phase, verdict))

    def extension(self, *seen: object) -> None:
        """Its line is not looked at here."""


class FakeConnections:
    conversation: Conversation | None = None

    def renew(self, conversation: Conversation) -> None:
        self.conversation = conversation


class Peer:
    """A connection of whoever speaks; `replies` is what it was told."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []

    def reply(self, reply: Reply) -> None:
        self.replies.append(reply)

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def close(self) -> None: ...


class House:
    def __init__(self, *found: str) -> None:
        self.found = found
        self.processes = FakeProcesses(self)
        self.platform = FakePlatform()
        self.api = FakeConnections()
        self.generation = Generation(
            CAST,
            cast(Processes, self.processes),
            cast(Connections, self.api),
            cast(PlatformLog, self.platform),
            "init",
        )
        self.loop = asyncio.get_running_loop()

    def ask(self, method: bytes, path: str, body: bytes = b"", **headers: str) -> Peer:
        peer = Peer()
        assert self.api.conversation is not None
        named = {name.replace("_", "-").encode(): value for name, value in headers.items()}
        exchange = self.api.conversation.open(Head(method, path, named), peer)
        exchange.take(body)
        reply = exchange.end({})
        if reply is not None:
            peer.reply(reply)
        return peer

    def runtime_asks(self) -> Peer:
        return self.ask(b"GET", "/2018-06-01/runtime/invocation/next")

    def runtime_answers(self, body: bytes = b"1") -> None:
        assert self.ask(b"POST", "/2018-06-01/runtime/invocation/ID/response", body).replies[0].status == 202

    def register(self, name: str, *events: str) -> str:
        body = json.dumps({"events": events}).encode()
        (reply,) = self.ask(b"POST", "/2020-01-01/extension/register", body, lambda_extension_name=name).replies
        return reply.headers["Lambda-Extension-Identifier"]

    def extension_asks(self, identifier: str) -> Peer:
        return self.ask(b"GET", "/2020-01-01/extension/event/next", lambda_extension_identifier=identifier)

    async def turn(self) -> None:
        """Let whoever waits see what has happened."""
        for _ in range(5):
            await asyncio.sleep(0)

    def deadline(self, seconds: float = _PATIENCE_S) -> float:
        return self.loop.time() + seconds

    async def ready(self, name: str, *events: str) -> str:
        """Initialised, with one extension called *name*; gives its identifier."""
        starting = asyncio.ensure_future(self.generation.initialise(self.deadline(), (name,)))
        await self.turn()
        identifier = self.register(name, *events)
        await self.turn()
        self.runtime_asks()
        self.extension_asks(identifier)
        assert await starting is None
        return identifier


def in_a_house(*found: str) -> Callable[[Callable[[House], Awaitable[None]]], Callable[[], None]]:
    """Run a test with a generation whose layers bring the extensions *found*."""

    def decorate(test: Callable[[House], Awaitable[None]]) -> Callable[[], None]:
        async def run() -> None:
            house = House(*found)
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await test(house)
            finally:
                house.generation.close()

        def call() -> None:
            asyncio.run(run())

        call.__name__, call.__doc__ = getattr(test, "__name__", "test"), test.__doc__
        return call

    return decorate


@in_a_house()
async def test_without_extensions_the_runtime_that_was_assigned_is_all_there_is(house: House) -> None:
    starting = asyncio.ensure_future(house.generation.initialise(house.deadline(), None))
    await house.turn()
    house.runtime_asks()
    assert await starting is None
    assert house.processes.log == []
    await house.generation.shut_down("spindown")
    assert house.processes.log == [], "there is nobody to take leave of"


@in_a_house("a", "b")
async def test_extensions_come_first_all_at_once(house: House) -> None:
    starting = asyncio.ensure_future(house.generation.initialise(house.deadline(), None))
    await house.turn()
    house.generation.found(house.found)
    await house.turn()
    assert house.processes.log == ["a", "b"]
    first, second = house.register("a"), house.register("b")
    await house.turn()
    assert house.processes.log[2:] == ["runtime"]
    house.runtime_asks()
    house.extension_asks(first)
    await house.turn()
    assert not starting.done()
    house.extension_asks(second)
    assert await starting is None


@in_a_house("a")
async def test_in_whatever_order_they_ask(house: House) -> None:
    starting = asyncio.ensure_future(house.generation.initialise(house.deadline(), ("a",)))
    await house.turn()
    identifier = house.register("a")
    house.extension_asks(identifier)
    await house.turn()
    house.runtime_asks()
    assert await starting is None


@in_a_house("a")
async def test_a_program_that_ends_before_it_registers_ends_the_phase(house: House) -> None:
    starting = asyncio.ensure_future(house.generation.initialise(house.deadline(), ("a",)))
    await house.turn()
    house.processes.end("a", ProcessEnd(status=2))
    assert await starting == ExtensionFailed("Extension.Crash", "exit status 2")
    assert house.processes.log == ["a"], "the runtime was not even started"


@in_a_house()
async def test_more_than_there_may_be_are_not_started(house: House) -> None:
    names = tuple(f"e{number}" for number in range(11))
    failure = await house.generation.initialise(house.deadline(), names)
    assert isinstance(failure, ExtensionFailed)
    assert failure.error_type == "Extension.LaunchError"
    assert house.processes.log == []


@in_a_house("a")
async def test_what_went_wrong_first_is_what_is_told(house: House) -> None:
    starting = asyncio.ensure_future(house.generation.initialise(house.deadline(), ("a",)))
    await house.turn()
    identifier = house.register("a")
    named = {"lambda_extension_identifier": identifier, "lambda_extension_function_error_type": "Mine.Bad"}
    house.ask(b"POST", "/2020-01-01/extension/init/error", b"{}", **named)
    house.processes.end("a", ProcessEnd(status=1))
    assert await starting == ExtensionFailed("Extension.InitError", "Mine.Bad")


@in_a_house()
async def test_a_phase_has_its_time(house: House) -> None:
    assert await house.generation.initialise(house.deadline(0.01), None) == TimeIsUp()
    assert house.generation.failure is None


@in_a_house()
async def test_a_sandbox_that_could_not_be_set_up_is_no_phase(house: House) -> None:
    starting = asyncio.ensure_future(house.generation.initialise(house.deadline(), None))
    await house.turn()
    house.generation.failed("no mount")
    assert await starting == Failed("no mount")
    assert not [said for said in house.platform.said if cast(tuple[str], said)[0] == "ended"]


@in_a_house()
async def test_a_runtime_that_reports_its_failure(house: House) -> None:
    starting = asyncio.ensure_future(house.generation.initialise(house.deadline(), None))
    await house.turn()
    typed = {"lambda_runtime_function_error_type": "Runtime.Bad"}
    house.ask(b"POST", "/2018-06-01/runtime/init/error", b"{}", **typed)
    assert await starting == InitFailed(b"{}", "Runtime.Bad")


@in_a_house("a")
async def test_the_answer_is_there_before_all_rest(house: House) -> None:
    identifier = await house.ready("a", "INVOKE")
    answering = asyncio.ensure_future(house.generation.answer(Offer("ID", {}, b"{}"), EVENT, house.deadline()))
    await house.turn()
    house.runtime_answers(b'"done"')
    assert await answering == Answer("ID", b'"done"')
    resting = asyncio.ensure_future(house.generation.wait_rest(house.deadline()))
    house.extension_asks(identifier)
    await house.turn()
    assert not resting.done(), "the runtime has not asked"
    house.runtime_asks()
    assert await resting is None


@in_a_house("a")
async def test_a_process_that_ends_while_nobody_waits_is_remembered(house: House) -> None:
    await house.ready("a", "INVOKE")
    house.processes.end(None, ProcessEnd(status=3))
    answer = await house.generation.answer(Offer("ID", {}, b"{}"), EVENT, house.deadline())
    assert answer == Exited(ProcessEnd(status=3))


@in_a_house("a")
async def test_an_answer_counts_even_if_the_process_ends_in_the_same_breath(house: House) -> None:
    await house.ready("a")
    answering = asyncio.ensure_future(house.generation.answer(Offer("ID", {}, b"{}"), EVENT, house.deadline()))
    await house.turn()
    house.runtime_answers()
    house.processes.end(None, ProcessEnd(status=1))
    assert await answering == Answer("ID", b"1")
    assert await house.generation.wait_rest(house.deadline()) == Exited(ProcessEnd(status=1))


@in_a_house("a")
async def test_leave_is_taken_of_the_runtime_first_and_then_of_extensions(house: House) -> None:
    identifier = await house.ready("a", "SHUTDOWN")
    waiting = house.extension_asks(identifier)
    leaving = asyncio.ensure_future(house.generation.shut_down("spindown"))
    await house.turn()
    assert house.processes.log[2:] == ["runtime gets 15"]
    event = json.loads(waiting.replies[0].body)
    assert (event["eventType"], event["shutdownReason"]) == ("SHUTDOWN", "spindown")
    assert not leaving.done()
    house.processes.end("a", ProcessEnd())
    await leaving
    assert house.generation.failure is None, "this is how it ought to end"


@in_a_house("a")
async def test_who_does_not_want_to_be_told_is_killed(house: House) -> None:
    await house.ready("a", "INVOKE")
    await house.generation.shut_down("spindown")
    assert house.processes.log[2:] == ["runtime gets 15", "a is killed"]


@pytest.mark.parametrize("deaf", [("runtime",), ("a",)])
def test_who_stays_is_given_its_time_and_no_more(deaf: tuple[str, ...]) -> None:
    @in_a_house("a")
    async def test(house: House) -> None:
        await house.ready("a", *(["SHUTDOWN"] if "a" in deaf else []))
        house.processes.deaf.update(deaf)
        began = house.loop.time()
        await house.generation.shut_down("timeout")
        took = house.loop.time() - began
        # 0.6 s are the runtime's, 2 s are all there is.
        assert (0.6 if deaf == ("runtime",) else 2) <= took + 0.02
        assert ("runtime gets 9" in house.processes.log) is ("runtime" in deaf)

    test()
