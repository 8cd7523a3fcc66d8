"""What a Node.js function writes with `console`, as the platform reads it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.node import VERSIONS, invoke
from tests.support.runtime_clients import Event

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
EVERY_LEVEL = """
    exports.handler = async () => {
        for (const level of ["trace", "debug", "info", "warn", "error", "fatal"]) console[level](level);
    };
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_a_line_has_its_time_its_invocation_and_its_level(tmp_path: Path, version: str) -> None:
    code = """
        console.log("as it loads");
        exports.handler = async () => { console.error("%s and %j", "text", { a: 1 }, [2]); console.log(); };
    """
    event = Event()
    lines = invoke(tmp_path, code, [event], version=version).log.splitlines()
    none = "-" if version == "24" else "undefined"
    assert re.fullmatch(rf"{TIME}\t{none}\tINFO\tas it loads", lines[0])
    assert re.fullmatch(rf'{TIME}\t{event.request_id}\tERROR\ttext and {{"a":1}} \[ 2 \]', lines[1])
    assert re.fullmatch(rf"{TIME}\t{event.request_id}\tINFO\tundefined", lines[2])


def test_a_message_of_many_lines_and_any_letters_stays_whole_and_in_its_place(tmp_path: Path) -> None:
    code = r"""
        exports.handler = async () => {
            process.stdout.write("printed\n");
            console.log("one\ntwo ü \u{1f600}");
            process.stderr.write("printed too\n");
        };
    """
    log = invoke(tmp_path, code).log
    assert re.fullmatch(rf"printed\n{TIME}\t\S+\tINFO\tone\ntwo ü \U0001f600\nprinted too\n", log)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_method_has_its_level(tmp_path: Path, version: str) -> None:
    lines = invoke(tmp_path, EVERY_LEVEL, version=version).log.splitlines()
    assert [tuple(line.split("\t")[2:]) for line in lines] == [(level, level.lower()) for level in LEVELS]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("least", LEVELS)
def test_what_is_below_the_level_is_dropped(tmp_path: Path, least: str, version: str) -> None:
    log = invoke(tmp_path, EVERY_LEVEL, version=version, AWS_LAMBDA_LOG_LEVEL=least, AWS_LAMBDA_LOG_FORMAT="JSON").log
    assert [entry["level"] for entry in _entries(log)] == list(LEVELS[LEVELS.index(least) :])


def _entries(log: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.splitlines()]


@pytest.mark.parametrize("version", VERSIONS)
def test_json_has_a_value_as_it_is_and_several_as_text(tmp_path: Path, version: str) -> None:
    code = """
        exports.handler = async () => {
            console.info({ a: [1] });
            console.info("text\\nof two lines");
            console.info("two", { values: 2 });
            const round = {}; round.round = round;
            console.info(round);
            console.info(undefined);
        };
    """
    event = Event()
    entries = _entries(invoke(tmp_path, code, [event], version=version, AWS_LAMBDA_LOG_FORMAT="JSON").log)
    for entry in entries:
        assert re.fullmatch(TIME, entry.pop("timestamp"))
        assert (entry.pop("level"), entry.pop("requestId")) == ("INFO", event.request_id)
    assert entries == [
        {"message": {"a": [1]}},
        {"message": "text\nof two lines"},
        {"message": "two { values: 2 }"},
        {"message": "<ref *1> { round: [Circular *1] }"},
        {},
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_json_takes_an_error_apart(tmp_path: Path, version: str) -> None:
    code = """
        class Mine extends Error {}
        exports.handler = async () => {
            console.error(Object.assign(new Mine("m"), { extra: 1 }));
            console.error("said", new Mine("m"), 2);
            throw new Mine("thrown");
        };
    """
    alone, among, thrown = _entries(invoke(tmp_path, code, version=version, AWS_LAMBDA_LOG_FORMAT="JSON").log)
    stack = alone["message"].pop("stackTrace")
    assert stack[0] == "Error: m"
    assert alone["message"] == {"errorType": "Mine", "errorMessage": "m", "extra": 1}
    assert among["message"].startswith("said Mine [Error]: m\n    at ")
    assert (among["errorType"], among["errorMessage"], among["stackTrace"][0]) == ("Mine", "m", "Error: m")
    assert thrown["level"] == "ERROR"
    assert thrown["message"]["errorType"] == "Mine"


def test_json_names_the_tenant(tmp_path: Path) -> None:
    event = Event.of({}, lambda_runtime_aws_tenant_id="blue")
    code = "exports.handler = async () => console.log('m');"
    first, second = _entries(invoke(tmp_path, code, [event, Event()], AWS_LAMBDA_LOG_FORMAT="JSON").log)
    assert first["tenantId"] == "blue"
    assert "tenantId" not in second


@pytest.mark.parametrize("version", VERSIONS)
def test_a_failed_invocation_is_logged(tmp_path: Path, version: str) -> None:
    code = "exports.handler = async () => { throw Object.assign(new RangeError('r'), { code: 'C', more: { b: 1 } }); };"
    event = Event()
    log = invoke(tmp_path, code, [event], version=version).log
    line = re.fullmatch(rf"{TIME}\t{event.request_id}\tERROR\tInvoke Error \t(.*)\n", log)
    assert line is not None
    told = json.loads(line[1])
    assert told.pop("stack")[0] == "RangeError: r"
    assert told == {"errorType": "RangeError", "errorMessage": "r", "code": "C", "more": {"b": 1}}


def test_more_than_a_pipe_holds_is_written_whole(tmp_path: Path) -> None:
    code = """
        process.stdout.write("");
        exports.handler = async () => { for (let n = 0; n < 400; n++) console.log("x".repeat(2000)); };
    """
    lines = invoke(tmp_path, code).log.splitlines()
    assert len(lines) == 400
    assert {line.split("\t")[3] for line in lines} == {"x" * 2000}
