"""Hours of everything at once, in rounds: after each the server is left alone until nothing runs, and looked at.

Before the first the server is aged: it is asked for so much that all it remembers, up to some bound, is full. Else one
would measure for hours how that fills. A round is the same work each time: callers invoke functions that answer, raise,
exit, run out of time or print a lot, while an operator publishes, updates, deletes, creates, sends events and reads
logs. Half of a round's calls come to an idle server and start environments, the others find them warm.
"""

from __future__ import annotations

import http.client
import itertools
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from benchmarks.processes import family
from reliability import held
from reliability.held import Held
from tests.support.functions import archive, unique, wait_until
from tests.support.runtimes import INSTALLED
from tests.support.server import ROLE, Server
from tests.support.traces import environments_of

FUNCTIONS: Final = 6
CALLERS: Final = 4
_CALLS_EACH: Final = 150
_KEPT_VERSIONS: Final = 3
_SETTINGS: Final = {"LAMBDA_KEEPALIVE_MS": "1000", "LAMBDA_RETRY_BASE_DELAY": "0", "LAMINA_LOG_LEVEL": "error"}
# How often a caller does what, of a thousand calls; a timeout takes its second.
_DOES: Final = {"echo": 900, "raise": 40, "exit": 20, "print": 38, "sleep": 2}
_FAILS: Final = frozenset(("raise", "exit", "sleep"))
# A server closes a connection on which nothing goes on for so long, as when this process is stopped for a while.
_STALE_S: Final = 20
# Of each kind, more than a server remembers: names, requests, configurations; functions with figures.
_STRANGERS: Final = 1_100
_CHANGES: Final = 1_100
_PASSING: Final = 200
# Python keeps the parts of paths in a table, which it makes anew, once, when twenty thousand have come and gone.
_PUBLISHED: Final = 2_000
# More than a segment of a log has.
_LOGGED_MB: Final = 5
_REST_S: Final = 0.5
_REPORT: Final = re.compile(r"REPORT RequestId: (\S+)")
_CODE = """
import os, time
import part
def handler(event, context):
    do = event["do"]
    if do == "raise":
        raise LookupError("on purpose")
    if do == "exit":
        os._exit(3)
    if do == "sleep":
        time.sleep(60)
    if do == "print":
        print("x" * 10_000)
    return [{number}, part.VERSION, event["number"]]
"""


@dataclass
class Soak:
    """A server under load. *done* counts what was done of each kind."""

    server: Server
    dice: random.Random
    done: Counter[str] = field(default_factory=Counter)
    layers: list[str] = field(default_factory=list)

    def prepare(self) -> None:
        """Make what stays throughout: functions, and the layer they have."""
        client = self.server.client()
        self._publish_layer(client)
        for number in range(FUNCTIONS):
            self._create(client, f"soak-{number}", number)

    def age(self) -> None:
        """Have the server remember as much as it ever does, which days would come to."""
        client = self.server.client()
        for number in range(_STRANGERS):
            name = f"stranger-{number}"
            with suppress(client.exceptions.ResourceNotFoundException):
                client.invoke(FunctionName=name, Payload=b"{}")
            client.list_layer_versions(LayerName=name)
            with suppress(client.exceptions.ResourceNotFoundException):
                client.get_layer_version_by_arn(Arn=f"{self.layers[-1].rpartition(':')[0]}:{1_000_000 + number}")
        for number in range(_CHANGES):
            client.update_function_configuration(FunctionName="soak-0", Description=f"{number}")
            self._wait_settled(client, "soak-0")
        for _ in range(_PUBLISHED):
            self._publish_layer(client)
        with ThreadPoolExecutor(CALLERS) as pool:
            for each in [pool.submit(self._come_and_go, client) for _ in range(_PASSING)]:
                each.result()
        client.close()
        self._fill_logs()

    def _fill_logs(self) -> None:
        """Have each function's log be so long that there is a segment to pass over."""
        logs = self.server.client("logs")
        for group in (f"/aws/lambda/soak-{number}" for number in range(FUNCTIONS)):
            with suppress(logs.exceptions.ResourceAlreadyExistsException):
                logs.create_log_group(logGroupName=group)
            for number in range(_LOGGED_MB):
                stream = f"filled-{number}"
                logs.create_log_stream(logGroupName=group, logStreamName=stream)
                event = {"timestamp": int(time.time() * 1000), "message": "x" * 10_000}
                logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[event] * 100)
            logs.filter_log_events(logGroupName=group, filterPattern="REPORT", limit=100)
        logs.close()

    def round(self) -> None:
        """One round of work. AssertionError for an answer that is not the right one."""
        with ThreadPoolExecutor(CALLERS + 1) as pool:
            working = [pool.submit(self._call, random.Random(self.dice.random())) for _ in range(CALLERS)]
            working.append(pool.submit(self._operate))
            for each in working:
                self.done.update(each.result())

    def _call(self, dice: random.Random) -> Counter[str]:
        caller = _Caller(self.server)
        kinds = dice.choices(list(_DOES), list(_DOES.values()), k=_CALLS_EACH)
        for kind in kinds:
            # The first alone has so little time that it runs out of it.
            function = 0 if kind == "sleep" else dice.randrange(1, FUNCTIONS)
            number = dice.randrange(1 << 30)
            failed, told = caller.call(f"soak-{function}", {"do": kind, "number": number})
            assert failed == (kind in _FAILS), f"{kind} answers {told!r}"
            assert failed or (told[0] == function and told[2] == number), f"{kind} answers {told!r}"
        caller.close()
        return Counter(kinds)

    def _operate(self) -> Counter[str]:
        client = self.server.client()
        self._publish_layer(client)
        changed = f"soak-{self.dice.randrange(FUNCTIONS)}"
        client.update_function_configuration(FunctionName=changed, Layers=[self.layers[-1]])
        self._wait_settled(client, changed)
        version = client.publish_version(FunctionName=changed)["Version"]
        self._invoke(client, f"{changed}:{version}")
        client.delete_function(FunctionName=changed, Qualifier=version)
        self._come_and_go(client)
        logs = self.server.client("logs")
        found = logs.filter_log_events(logGroupName=f"/aws/lambda/{changed}", filterPattern="REPORT", limit=100)
        assert found["events"], f"nothing is logged of {changed}"
        client.list_functions()
        client.list_layer_versions(LayerName="soak")
        client.close()
        logs.close()
        return Counter(["operated"])

    def _come_and_go(self, client: Any) -> None:
        """A function that nobody heard of before, used and forgotten, with its log."""
        name = unique("passing")
        self._create(client, name, 7)
        asked = {self._invoke(client, name)}
        event = json.dumps({"do": "echo", "number": 1})
        sent = client.invoke(FunctionName=name, InvocationType="Event", Payload=event)
        asked.add(sent["ResponseMetadata"]["RequestId"])
        logs = self.server.client("logs")
        group = f"/aws/lambda/{name}"
        try:
            wait_until(lambda: asked <= _reported(logs, group), 120, f"the event of {name}", every=0.2)
        except AssertionError as error:
            raise AssertionError(f"{error}: of {asked} there is only {_messages(logs, group)}") from error
        client.delete_function(FunctionName=name)
        logs.delete_log_group(logGroupName=group)
        logs.close()

    def _publish_layer(self, client: Any) -> None:
        content = archive({"python/part.py": f"VERSION = {self.dice.random()}\n".encode()})
        self.layers.append(
            client.publish_layer_version(LayerName="soak", Content={"ZipFile": content})["LayerVersionArn"]
        )
        while len(self.layers) > _KEPT_VERSIONS:
            number = int(self.layers.pop(0).rpartition(":")[2])
            client.delete_layer_version(LayerName="soak", VersionNumber=number)

    def _create(self, client: Any, name: str, number: int) -> None:
        client.create_function(
            FunctionName=name,
            Runtime=INSTALLED[-1 - number % min(2, len(INSTALLED))],
            Handler="index.handler",
            Role=ROLE,
            Code={"ZipFile": archive(_CODE.replace("{number}", str(number)))},
            Layers=[self.layers[-1]],
            MemorySize=128,
            Timeout=1 if name == "soak-0" else 60,
        )
        self._wait_settled(client, name)

    def _invoke(self, client: Any, name: str) -> str:
        """Call *name*, and hold it to its answer; the id of the request."""
        answer = client.invoke(FunctionName=name, Payload=json.dumps({"do": "echo", "number": 5}))
        told = json.loads(answer["Payload"].read())
        assert told[2] == 5, f"{name} answers {told!r}"
        return str(answer["ResponseMetadata"]["RequestId"])

    def _wait_settled(self, client: Any, name: str) -> None:
        def settled() -> bool:
            told = client.get_function_configuration(FunctionName=name)
            return bool(told["State"] == "Active" and told["LastUpdateStatus"] == "Successful")

        wait_until(settled, 60, f"{name} has settled")


class _Caller:
    """Somebody with a connection of his own."""

    def __init__(self, server: Server) -> None:
        self._address = urlsplit(server.endpoint).netloc
        self._connection = http.client.HTTPConnection(self._address, timeout=120)
        self._used_at = time.monotonic()

    def call(self, function: str, event: Any) -> tuple[bool, Any]:
        """Whether the function failed, and what came."""
        try:
            answer = self._answer(function, event)
        except ConnectionError:
            if time.monotonic() - self._used_at < _STALE_S:
                raise
            self._connection.close()
            answer = self._answer(function, event)
        self._used_at = time.monotonic()
        return answer

    def _answer(self, function: str, event: Any) -> tuple[bool, Any]:
        path = f"/2015-03-31/functions/{function}/invocations"
        self._connection.request("POST", path, json.dumps(event))
        answer = self._connection.getresponse()
        body = answer.read()
        assert answer.status == 200, f"{answer.status} {body!r}"
        return answer.getheader("X-Amz-Function-Error") is not None, json.loads(body)

    def close(self) -> None:
        self._connection.close()


def soak(state: Path, seconds: float, seed: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Rounds for *seconds* on a server with its state in *state*: what was done, the samples, what has drifted.

    *say* is told of every sample. It goes on beyond *seconds* until there are samples enough to compare.
    """
    samples: list[Held] = []
    with Server.started(state, _SETTINGS) as server:
        running = Soak(server, random.Random(seed))
        running.prepare()
        running.age()
        say("aged")
        began = time.monotonic()
        for number in itertools.count(1):
            running.round()
            _wait_quiet(server)
            samples.append(held.look(server))
            say(f"round {number}: " + ", ".join(f"{name} {value:g}" for name, value in samples[-1].items()))
            if time.monotonic() - began >= seconds and len(samples) >= held.SAMPLES_MIN:
                break
        said = server.said()
    drifts = held.drift(samples)
    return {
        "seconds": round(time.monotonic() - began),
        "rounds": len(samples),
        "done": dict(running.done),
        "drift": {name: list(pair) for name, pair in drifts.items()},
        "grown": [name for name, (early, late) in drifts.items() if held.grown(name, early, late)],
        "said": said.splitlines(),
        "samples": [dict(sample) for sample in samples],
    }


def _wait_quiet(server: Server) -> None:
    """Return once no environment is left but those kept ready, and as many processes as half a second ago."""
    wait_until(lambda: environments_of(server) == 0, 60, "idle environments have ended", every=0.1)
    before, now = 0, len(family(server.process.pid))
    while now != before:
        time.sleep(_REST_S)
        before, now = now, len(family(server.process.pid))


def _reported(logs: Any, group: str) -> set[str]:
    """The requests that *group* has REPORT lines of.

    Their number says less: a start that took too long has an INIT_REPORT, and what failed is sent again by SDKs.
    """
    found = (_REPORT.match(message) for message in _messages(logs, group))
    return {report[1] for report in found if report is not None}


def _messages(logs: Any, group: str) -> list[str]:
    with suppress(logs.exceptions.ResourceNotFoundException):
        return [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]
    return []


def text(told: dict[str, Any]) -> str:
    """What *told*, of `soak`, says to a person."""
    lines = [f"{told['seconds']} s, {told['rounds']} rounds: " + ", ".join(f"{n} {k}" for k, n in told["done"].items())]
    for name, (early, late) in told["drift"].items():
        change = f"{(late / early - 1) * 100:+.2f} %" if early else f"{late:+.0f}"
        mark = "  GROWN" if name in told["grown"] else ""
        lines.append(f"{name:>16}: {early:10.2f} in the second tenth, {late:10.2f} in the last, {change}{mark}")
    return "\n".join([*lines, *(f"the server said: {line}" for line in told["said"][:20])])
