"""The Ruby client: how handlers are found, what they are given, how they answer, fail and log."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.ruby import invoke
from tests.support.runtime_clients import ARN, Event

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}"


def _handler(body: str) -> str:
    return f"def handler(event:, context:)\n{body}\nend"


HANDLER = "def handler(event:, context:) = __method__"


@pytest.mark.parametrize(
    ("files", "handler"),
    [
        ({"function.rb": _handler("__method__")}, "function.handler"),
        ({"a/b.rb": _handler("__method__")}, "a/b.handler"),
        ({"app.rb": f"module Api; class Get; class << self; {HANDLER}; end; end; end"}, "app.Api::Get.handler"),
        ({"app.rb": "require 'lib/mine'", "lib/mine.rb": _handler("__method__")}, "app.handler"),
    ],
    ids=str,
)  # fmt: skip
def test_a_handler_is_found(tmp_path: Path, files: dict[str, str], handler: str) -> None:
    assert invoke(tmp_path, files, handler=handler).values == ["handler"]


def test_events_are_answered_one_after_another_over_one_connection(tmp_path: Path) -> None:
    values = ({"a": [1, "ü", None]}, "text", 7, None, "x" * 300_000)
    outcome = invoke(tmp_path, _handler("{ event: event }"), [Event.of(value) for value in values])
    assert outcome.values == [{"event": value} for value in values]
    assert outcome.connections == 1
    assert {said.headers["content-type"] for said in outcome.said} == {"application/json"}


def test_a_stream_is_answered_as_it_is(tmp_path: Path) -> None:
    said = invoke(tmp_path, _handler(r'StringIO.new("\x00\xFFraw")')).only
    assert (said.headers["content-type"], said.body) == ("application/unknown", b"\0\xffraw")


def test_a_function_may_bring_its_own_way_to_read_and_write(tmp_path: Path) -> None:
    code = """
        module AwsLambda
          class Marshaller
            def self.marshall_request(request) = [request["Content-Type"], request.body]
            def self.marshall_response(response) = [response.join(" "), "text/plain"]
          end
        end
        def handler(event:, context:) = event
    """
    said = invoke(tmp_path, code, [Event(b"{raw")]).only
    assert (said.headers["content-type"], said.body) == ("text/plain", b"application/json {raw")


def test_the_context_is_what_the_invocation_and_the_variables_say(tmp_path: Path) -> None:
    names = "aws_request_id invoked_function_arn log_group_name log_stream_name function_name memory_limit_in_mb"
    names += " function_version identity client_context get_remaining_time_in_millis tenant_id"
    asked = f"%w[{names}].to_h {{ |name| [name, context.__send__(name)] }}"
    event = Event.of(
        {},
        lambda_runtime_trace_id="Root=1-2-3",
        lambda_runtime_client_context='{"client": {"id": "c"}}',
        lambda_runtime_cognito_identity='{"cognitoIdentityId": "i"}',
        lambda_runtime_aws_tenant_id="blue",
    )
    code = _handler(f"{asked}.merge('trace' => ENV['_X_AMZN_TRACE_ID'], 'id' => $_global_aws_request_id)")
    seen = invoke(tmp_path, code, [event]).only.value
    assert seen.pop("get_remaining_time_in_millis") > 10**12
    assert seen == {
        "aws_request_id": event.request_id,
        "id": event.request_id,
        "invoked_function_arn": ARN,
        "log_group_name": "/aws/lambda/f",
        "log_stream_name": "2026/01/01/[$LATEST]0",
        "function_name": "f",
        "memory_limit_in_mb": "128",
        "function_version": "$LATEST",
        "identity": {"cognitoIdentityId": "i"},
        "client_context": {"client": {"id": "c"}},
        "tenant_id": "blue",
        "trace": "Root=1-2-3",
    }


def test_an_error_fails_the_invocation_and_not_the_process(tmp_path: Path) -> None:
    code = "class Mine < StandardError; end\n" + _handler("event ? raise(Mine, 'ü') : 1")
    outcome = invoke(tmp_path, code, [Event.of(1), Event.of(None)])
    assert [said.kind for said in outcome.said] == ["error", "response"]
    told = outcome.values[0]
    assert list(told) == ["errorMessage", "errorType", "stackTrace"]
    assert (told["errorType"], told["errorMessage"]) == ("Function<Mine>", "ü")
    assert len(told["stackTrace"]) == 1
    assert told["stackTrace"][0].startswith(f"{tmp_path}/task/function.rb:3:in ")
    # The header tells no names of the user's.
    assert outcome.said[0].headers["lambda-runtime-function-error-type"] == "Function<UserException>"
    first, _, rest = outcome.log.partition("\n")
    assert first == "Error raised from handler method"
    assert json.loads(rest) == told


@pytest.mark.parametrize(
    ("body", "error_type", "message"),
    [
        ("nil.nothing", "Function<NoMethodError>", "undefined method `nothing' for nil"),
        ("nothing", "Function<NameError>", "undefined local variable or method `nothing'"),
        ("exit 3", "Function<SystemExit>", "exit"),
        ("raise Exception, 'e'", "Function<Exception>", "e"),
    ],
)
def test_an_error_that_code_should_not_have_ends_the_process(
    tmp_path: Path, body: str, error_type: str, message: str
) -> None:
    outcome = invoke(tmp_path, _handler(body), [Event(), Event()])
    assert (outcome.only.kind, outcome.only.value["errorType"]) == ("error", error_type)
    assert outcome.only.value["errorMessage"].replace("'nothing'", "`nothing'").startswith(message)
    assert outcome.only.headers["lambda-runtime-function-error-type"] == error_type
    assert outcome.status == 255
    assert outcome.log.startswith("Critical exception from handler\n{\n")


@pytest.mark.parametrize(
    ("code", "handler", "error_type", "message"),
    [
        ("require 'nowhere'", "function.handler", "Init<LoadError>", "cannot load such file -- nowhere"),
        ("", "other.handler", "Init<LoadError>", "cannot load such file -- other"),
        ("raise ArgumentError, 'as it loads'", "function.handler", "Init<ArgumentError>", "as it loads"),
        ("exit 3", "function.handler", "Init<SystemExit>", "exit"),
        ("", "function", "Init<ArgumentError>", 'Invalid handler ["function"], must be of form FILENAME.METHOD'),
        ("", "a.b.c.d", "Init<ArgumentError>", 'Invalid handler ["a", "b", "c", "d"], must be of form FILENAME.METHOD'),
    ],
)
def test_a_file_that_does_not_load_fails_the_start(
    tmp_path: Path, code: str, handler: str, error_type: str, message: str
) -> None:
    outcome = invoke(tmp_path, code, handler=handler)
    assert (outcome.only.kind, outcome.only.value["errorType"]) == ("init error", error_type)
    assert outcome.only.value["errorMessage"].startswith(message)
    assert outcome.only.headers["lambda-runtime-function-error-type"] == error_type
    assert outcome.status == 252
    assert outcome.log.startswith(f"Init error when loading handler {handler}\n")


def test_code_that_is_no_ruby_fails_the_start(tmp_path: Path) -> None:
    outcome = invoke(tmp_path, "def handler(")
    assert (outcome.only.kind, outcome.only.value["errorType"]) == ("init error", "Init<SyntaxError>")
    assert outcome.only.headers["lambda-runtime-function-error-type"] == "Function<UserException>"


def test_what_has_no_json_fails_the_invocation(tmp_path: Path) -> None:
    outcome = invoke(tmp_path, _handler(r'event ? "\xFF" : 1'), [Event.of(1), Event.of(None)])
    assert [said.kind for said in outcome.said] == ["error", "response"]
    assert outcome.values[0]["errorType"] == "Function<JSON::GeneratorError>"


def test_an_answer_that_is_too_large_is_left_to_the_platform(tmp_path: Path) -> None:
    outcome = invoke(tmp_path, _handler("1"), [Event(), Event()], refuses=413)
    assert [said.kind for said in outcome.said] == ["response", "response"]


def test_what_is_to_run_at_the_end_runs(tmp_path: Path) -> None:
    outcome = invoke(tmp_path, "at_exit { puts 'ran' }\n" + _handler("nil.nothing"))
    assert outcome.log.endswith("ran\n")


LOGGING = """
    require 'logger'
    LOG = Logger.new($stdout, progname: nil)
    def handler(event:, context:)
      puts "printed", ["ü"]
      LOG.debug("low")
      LOG.info("one\\ntwo")
      LOG.warn("P") { { a: 1 } }
      begin
        raise RangeError, "r"
      rescue => e
        LOG.error(e)
      end
    end
"""


def test_a_logger_writes_to_the_functions_log_with_the_request(tmp_path: Path) -> None:
    event = Event()
    log = invoke(tmp_path, LOGGING, [event]).log
    where = rf"\[{TIME} #\d+\]"
    pattern = (
        rf"printed\nü\nD, {where} DEBUG {event.request_id} -- : low\n"
        rf"I, {where}  INFO {event.request_id} -- : one\ntwo\nW, {where}  WARN {event.request_id} -- P: {{.*}}\n"
        rf"E, {where} ERROR {event.request_id} -- : r \(RangeError\)\n.*"
    )
    assert re.fullmatch(pattern, log, re.DOTALL)


def test_a_logger_writes_json_and_keeps_to_the_level(tmp_path: Path) -> None:
    event = Event()
    log = invoke(tmp_path, LOGGING, [event], AWS_LAMBDA_LOG_FORMAT="JSON", AWS_LAMBDA_LOG_LEVEL="INFO").log
    printed, rest = log.split("ü\n")
    assert printed == "printed\n"
    entries: list[dict[str, Any]] = [json.loads(line) for line in rest.splitlines()]
    for entry in entries:
        assert re.fullmatch(TIME + "Z", entry.pop("timestamp"))
        assert entry.pop("requestId") == event.request_id
    failed = entries.pop()
    assert entries == [
        {"level": "INFO", "message": "one\ntwo"},
        {"level": "WARN", "message": entries[1]["message"], "logger": "P"},
    ]
    assert (failed["level"], failed["errorType"], failed["errorMessage"]) == ("ERROR", "RangeError", "r")
    assert failed["location"] == f"{tmp_path}/task/function.rb:handler:10"


def test_a_logger_of_its_own_is_left_alone(tmp_path: Path) -> None:
    code = "require 'logger'\nrequire 'stringio'\n" + _handler(
        "io = StringIO.new; Logger.new(io, formatter: ->(*a) { a.last }).info('mine'); io.string"
    )
    assert invoke(tmp_path, code).values == ["mine"]
