"""What a Ruby function finds around it and what becomes of its answers, on the whole server, as AWS does it.

Debian 12 has Ruby 3.1, which is no runtime's; where there is no newer one, it stands in for ruby3.2.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import zips
from tests.support.functions import Function, create, layer
from tests.support.server import Server

RUNTIME = "ruby3.2"
_ASK = (
    'require "rbconfig"; require "json"; puts JSON.generate([RUBY_ENGINE, RbConfig.ruby, RbConfig::CONFIG["prefix"]])'
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("ruby")
    environ = {"PATH": f"{_stand_in(folder)}:{os.environ['PATH']}"}
    with Server.started(folder / "state", environ) as server:
        yield server


def _stand_in(folder: Path) -> Path:
    """A folder whose `ruby` says of this machine's that it is 3.2."""
    ruby = shutil.which("ruby")
    if ruby is None:
        pytest.skip("ruby is not on this machine; it is Debian's package `ruby`")
    engine, program, prefix = json.loads(subprocess.check_output([ruby, "-e", _ASK]))
    script = folder / "bin" / "ruby"
    script.parent.mkdir()
    script.write_text(f"#!/bin/sh\necho '{json.dumps([engine, '3.2.0', program, prefix])}'\n")
    script.chmod(0o755)
    return script.parent


def _function(server: Server, code: str, **configuration: Any) -> Function:
    return create(server, {"index.rb": textwrap.dedent(code).encode()}, runtime=RUNTIME, **configuration)


def test_it_runs_in_the_place_and_with_the_variables_of_aws(server: Server) -> None:
    code = """
        def handler(event:, context:)
          { argv: ARGV, program: $PROGRAM_NAME, cwd: Dir.pwd, uid: Process.uid, environ: ENV.to_h, event: event,
            user: `id -un`.strip, encoding: Encoding.default_external.name, left: context.get_remaining_time_in_millis }
        end
    """
    seen = _function(server, code).value({"a": "ü"})
    assert seen["event"] == {"a": "ü"}
    assert (seen["argv"], seen["program"]) == ([], "/var/runtime/lib/runtime.rb")
    assert seen["cwd"] == "/var/task"
    assert seen["uid"] != 0
    assert seen["encoding"] == "UTF-8"
    assert 0 < seen["left"] <= 10_000
    assert seen["environ"]["GEM_HOME"] == "/var/runtime"
    assert seen["environ"]["RUBYLIB"].endswith(":/var/task:/var/runtime/lib:/opt/ruby/lib")
    assert not [name for name in seen["environ"] if name.startswith("_LAMBDA")]


def test_libraries_and_gems_of_a_layer_are_found(server: Server) -> None:
    gem = b"Gem::Specification.new { |s| s.name = 'mine'; s.version = '1.0'; s.summary = s.author = 'mine' }"
    arn = layer(
        server,
        {
            "ruby/lib/plain.rb": b"PLAIN = __FILE__",
            "ruby/gems/3.2.0/specifications/mine-1.0.gemspec": gem,
            "ruby/gems/3.2.0/gems/mine-1.0/lib/mine.rb": b"MINE = __FILE__",
        },
    )
    code = "require 'plain'\nrequire 'mine'\ndef handler(event:, context:) = [PLAIN, MINE]"
    found = _function(server, code, Layers=[arn]).value()
    assert found == ["/opt/ruby/lib/plain.rb", "/opt/ruby/gems/3.2.0/gems/mine-1.0/lib/mine.rb"]


def test_a_wrapper_starts_the_runtime(server: Server) -> None:
    script = b'#!/bin/bash\nexport WRAPPED="$*"\nexec "$@"\n'
    arn = layer(server, zips.archive(zips.Item("wrap", script, mode=0o100755)))
    environment = {"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"}}
    code = "def handler(event:, context:) = ENV['WRAPPED']"
    assert _function(server, code, Layers=[arn], Environment=environment).value() == (
        "/var/lang/bin/ruby /var/runtime/lib/runtime.rb"
    )


@pytest.mark.parametrize(
    ("code", "error_type", "message"),
    [
        ("def handler(event:, context:) = raise('r')", "Function<RuntimeError>", "r"),
        ("require 'nowhere'", "Init<LoadError>", "cannot load such file -- nowhere"),
        ("def handler(event:, context:) = exit(3)", "Function<SystemExit>", "exit"),
    ],
)
def test_an_error_reaches_the_caller_and_the_log(server: Server, code: str, error_type: str, message: str) -> None:
    function = _function(server, code)
    for _ in range(2):
        answer = function.call()
        assert answer.error == "Unhandled"
        assert (answer.value["errorType"], answer.value["errorMessage"]) == (error_type, message)
        assert f'"errorType": "{error_type}"' in answer.log


def test_an_exit_past_everything_is_reported(server: Server) -> None:
    answer = _function(server, "def handler(event:, context:) = exit!(3)").call()
    assert answer.value["errorType"] == "Runtime.ExitError"
    assert answer.value["errorMessage"].endswith("Runtime exited with error: exit status 3")


def test_the_log_has_what_is_printed_and_logged(server: Server) -> None:
    code = """
        require 'logger'
        LOG = Logger.new($stdout)
        def handler(event:, context:)
          puts 'printed'
          LOG.warn('warned')
        end
    """
    answer = _function(server, code).call()
    printed, warned = answer.log.splitlines()[1:3]
    assert printed == "printed"
    assert warned.endswith(f" WARN {answer.request_id} -- : warned")


def test_a_process_answers_one_event_after_another(server: Server) -> None:
    function = _function(server, "$n = 0\ndef handler(event:, context:) = [$n += 1, event]")
    assert [function.value(event) for event in ("a", "b", "c")] == [[1, "a"], [2, "b"], [3, "c"]]
