"""`lamina run` as a person types it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lamina.cli.failures import Failure
from tests.support import node, zips
from tests.support.debugger import Debugger
from tests.support.functions import unique, wait_until
from tests.support.inspector import Inspector
from tests.support.server import Server

LAMINA = str(Path(sys.executable).with_name("lamina"))
GREETING = """\
def greet(name):
    word = "hello"
    return f"{word} {name}"
"""
APP = """\
import os
import greeting
def handler(event, context):
    print("greeting", event["name"])
    return {"says": greeting.greet(event["name"]), "mood": os.environ.get("MOOD"), "mb": context.memory_limit_in_mb}
"""
EVENT = '{"name": "you"}'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with app.py in it, and a layer beside."""
    files = {"app.py": APP, "layer/python/greeting.py": GREETING, ".venv/pyvenv.cfg": "", ".venv/app.py": "raise 1"}
    folder = tmp_path / "project"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    _temporary(folder).mkdir()
    return folder


def _temporary(project: Path) -> Path:
    return project.parent / "tmp"


def _log(project: Path) -> str:
    return (project.parent / "log").read_text()


def _environ(project: Path, **more: str) -> dict[str, str]:
    home = str(_temporary(project))
    return {**os.environ, "TMPDIR": home, "XDG_CACHE_HOME": home, "LAMINA_STATE": str(project.parent / "none"), **more}


def _run(project: Path, *arguments: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [LAMINA, "run", *arguments],
        cwd=project,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        env=_environ(project, **environ),
        check=False,
    )
    assert list(_temporary(project).glob("lamina-run-*")) == [], "nothing stays"
    assert not (project.parent / "none").exists()
    return done


@contextmanager
def _running(project: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    with (project.parent / "log").open("w") as log:
        process = subprocess.Popen(
            [LAMINA, "run", *arguments],
            cwd=project,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=_environ(project),
            start_new_session=True,
        )
    assert process.stdout is not None
    with process, process.stdout:
        try:
            yield process
        except BaseException:
            process.terminate()
            print(_log(project))
            raise


def test_it_runs_a_handler_with_a_layer_and_leaves_nothing(project: Path) -> None:
    chosen = ("--layer", "layer", "--env", "MOOD=good", "--memory", "192", "--event")
    done = _run(project, "app.handler", *chosen, EVENT)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"says": "hello you", "mood": "good", "mb": "192"}
    words = [line.partition(" ")[0] for line in done.stderr.splitlines()]
    assert words == ["INIT_START", "START", "greeting", "END", "REPORT"]
    assert "\033" not in done.stdout + done.stderr
    (project / "event.json").write_text('{"name": "file"}')
    assert '"hello file"' in _run(project, "app.handler", *chosen, "event.json").stdout
    assert '"hello pipe"' in _run(project, "app.handler", *chosen, "-", stdin='{"name": "pipe"}').stdout


def test_a_function_that_fails_is_told_by_the_exit_code(project: Path) -> None:
    done = _run(project, "app.handler", "-e", EVENT)
    assert done.returncode == Failure.FAILED
    assert json.loads(done.stdout)["errorType"] == "Runtime.ImportModuleError"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("nothing.handler",), Failure.FAILED, "no runtime here suits"),
        (("app.handler", "--layer", "./gone"), Failure.FAILED, "there is no ./gone"),
        (("app.handler", "--runtime", "java25"), Failure.NOT_POSSIBLE_HERE, "java25"),
        (("app.handler", "--event", "gone.json"), Failure.USAGE, "gone.json"),
        (("app.handler", "--event", "{"), Failure.USAGE, "no JSON"),
        (("app.handler", "--env", "NAME"), Failure.USAGE, "NAME=VALUE"),
        (("app.handler", "--watch", "--debug", "0"), Failure.USAGE, "--debug"),
        (("app.handler", "--memory", "1"), Failure.FAILED, "memorySize"),
    ],
)
def test_what_cannot_be_run_is_told(project: Path, arguments: tuple[str, ...], code: int, says: str) -> None:
    done = _run(project, *arguments)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert done.stderr.startswith("Error: ")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_zips_and_layers_of_a_server_are_taken_as_they_are(project: Path, shared_server: Server) -> None:
    layer = unique("layer")
    shared_server.client().publish_layer_version(
        LayerName=layer, Content={"ZipFile": zips.of({"python/greeting.py": b"def greet(name): return name * 2"})}
    )
    (project / "code.zip").write_bytes(zips.of({"app.py": APP.encode()}))
    done = _run(
        project, "app.handler", "-c", "code.zip", "-l", layer, "-e", EVENT, "--endpoint", shared_server.endpoint
    )
    assert json.loads(done.stdout)["says"] == "youyou", done.stderr


def test_it_runs_again_when_code_or_layer_change(project: Path) -> None:
    with _running(project, "app.handler", "-l", "layer", "-e", EVENT, "--watch") as process:
        assert process.stdout is not None
        assert "hello you" in process.stdout.readline()
        wait_until(lambda: "Waiting for files" in _log(project), 20)
        (project / "layer" / "python" / "greeting.py").write_text(GREETING.replace("hello", "hallo"))
        assert "hallo you" in process.stdout.readline()
        (project / "app.py").write_text("def (")
        assert "UserCodeSyntaxError" in process.stdout.readline()
        (project / "app.py").write_text(APP.replace("greet(event", "greet('dear ' + event"))
        assert "hallo dear you" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 128 + signal.SIGINT
    assert list(_temporary(project).iterdir()) == []


# The debugger's own processes give each other only so much time to be found.
@pytest.mark.alone
def test_a_debugger_stops_at_a_breakpoint_inside_a_layer(project: Path) -> None:
    with _running(project, "app.handler", "-l", "layer", "-e", EVENT, "--debug", "0") as process:
        told = wait_until(lambda: re.search(r"127\.0\.0\.1:(\d+)\n", _log(project)), 20)
        with contextlib.closing(Debugger(int(told[1]))) as debugger:
            debugger.ask("initialize", adapterID="test", linesStartAt1=True, pathFormat="path")
            layer = str(project / "layer")
            mapping = {"localRoot": layer, "remoteRoot": "/opt"}
            attached = debugger.send("attach", justMyCode=False, pathMappings=[mapping])
            debugger.event("initialized")
            source = {"path": f"{layer}/python/greeting.py"}
            debugger.ask("setBreakpoints", source=source, breakpoints=[{"line": 3}])
            debugger.ask("configurationDone")
            debugger.answer(attached)
            stopped = debugger.event("stopped")
            frame = debugger.ask("stackTrace", threadId=stopped["threadId"])["stackFrames"][0]
            assert (frame["name"], frame["source"]["path"], frame["line"]) == ("greet", source["path"], 3)
            value = debugger.ask("evaluate", expression="word + '!'", frameId=frame["id"])["result"]
            assert value == "'hello!'"
            debugger.ask("setVariable", variablesReference=_locals(debugger, frame), name="word", value="'changed'")
            debugger.send("continue", threadId=stopped["threadId"])
            assert process.stdout is not None
            assert "changed you" in process.stdout.read()
        assert process.wait(20) == 0
    assert list(_temporary(project).iterdir()) == []


def test_the_inspector_of_node_stops_at_a_breakpoint_inside_a_layer(project: Path) -> None:
    node.install(project.parent / "none", "22")
    module = project / "layer" / "nodejs" / "node_modules" / "greet" / "index.js"
    module.parent.mkdir(parents=True)
    module.write_text("exports.greet = (name) => {\n  const word = 'hello';\n  return `${word} ${name}`;\n};\n")
    (project / "index.mjs").write_text(
        "import greet from 'greet';\nexport const handler = async (event) => greet.greet(event.name);\n"
    )
    with _running(project, "index.handler", "-l", "layer", "-e", EVENT, "--debug", "0") as process:
        told = wait_until(lambda: re.search(r"127\.0\.0\.1:(\d+)\n", _log(project)), 20)
        inspector = Inspector(int(told[1]))
        inspector.ask("Runtime.enable")
        inspector.ask("Debugger.enable")
        inspector.ask("Debugger.setBreakpointByUrl", lineNumber=2, urlRegex=".*/greet/index.js")
        inspector.ask("Runtime.runIfWaitingForDebugger")
        frame = inspector.event("Debugger.paused")["callFrames"][0]
        assert frame["functionName"] == "exports.greet"
        value = inspector.ask("Debugger.evaluateOnCallFrame", callFrameId=frame["callFrameId"], expression="word + '!'")
        assert value["result"]["value"] == "hello!"
        inspector.ask("Debugger.resume")
        assert process.stdout is not None
        assert process.stdout.readline() == '"hello you"\n'
        inspector.close()
        assert process.wait(20) == 0


def _locals(debugger: Debugger, frame: dict[str, int]) -> int:
    reference: int = debugger.ask("scopes", frameId=frame["id"])["scopes"][0]["variablesReference"]
    return reference
