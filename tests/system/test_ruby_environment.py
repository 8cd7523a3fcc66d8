"""Functions in Ruby: where AWS looks for their gems and files, what they see, and how they fail.

Few machines have a Ruby that Lambda has too, so these run on the one there is, which says that it is 3.3.
"""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import zips
from tests.support.functions import Function, create, layer
from tests.support.recorded import differences
from tests.support.server import Server
from tests.support.zips import Item

RUNTIME = "ruby3.3"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    ruby = shutil.which("ruby")
    assert ruby is not None, "scripts/setup --dev installs it"
    folder = tmp_path_factory.mktemp("ruby")
    claimed = folder / "bin" / "ruby"
    claimed.parent.mkdir()
    claimed.write_text(
        "#!/bin/sh\nexec "
        f"""{ruby} -e 'require "json"; require "rbconfig"; """
        """puts JSON.generate(["ruby", "3.3.0", RbConfig.ruby, RbConfig::CONFIG["prefix"]])'\n"""
    )
    claimed.chmod(0o755)
    with Server.started(folder / "state", {"PATH": f"{claimed.parent}:/usr/local/bin:/usr/bin:/bin"}) as server:
        yield server


def ruby(server: Server, text: str, **configuration: Any) -> Function:
    """A function whose function.rb is *text*."""
    settings = {"Handler": "function.handler", **configuration}
    return create(server, {"function.rb": text.encode()}, runtime=RUNTIME, **settings)


def test_it_takes_events_and_keeps_what_it_loaded(server: Server) -> None:
    function = ruby(server, "$count = 0\ndef handler(event:, context:)\n  [$count += 1, event, __FILE__]\nend\n")
    assert function.value({"a": [1, None, "ü"]}) == [1, {"a": [1, None, "ü"]}, "/var/task/function.rb"]
    assert function.value(2)[:2] == [2, 2]


def test_it_sees_what_was_recorded_on_aws(server: Server) -> None:
    function = ruby(
        server,
        "def handler(event:, context:) = ENV.to_h\n",
        Environment={"Variables": {"TEST_KEY": "TEST_VAL"}},
    )
    seen = function.value()
    # Lamina's own, for an SDK inside to come back to it.
    seen.pop("AWS_ENDPOINT_URL", None)
    assert differences(RUNTIME, seen, function.name) == {"_HANDLER": ("index.handler", "function.handler")}


def test_a_layers_files_and_gems_are_found(server: Server) -> None:
    files = layer(server, {"ruby/lib/plain.rb": b"PLAIN = 'a file of a layer'\n"})
    code = b"MINE = \"a gem of a layer, #{Gem.loaded_specs['mine'].version}\"\n"
    specification = b"""Gem::Specification.new do |s|
      s.name, s.version, s.summary, s.authors, s.files = 'mine', '1.2.3', 'mine', ['me'], ['lib/mine.rb']
    end
    """
    gem = layer(
        server,
        {
            "ruby/gems/3.3.0/specifications/mine-1.2.3.gemspec": specification,
            "ruby/gems/3.3.0/gems/mine-1.2.3/lib/mine.rb": code,
        },
    )
    text = "require 'plain'\nrequire 'mine'\ndef handler(event:, context:) = [PLAIN, MINE]\n"
    assert ruby(server, text, Layers=[files, gem]).value() == ["a file of a layer", "a gem of a layer, 1.2.3"]


def test_a_functions_own_file_comes_before_a_layers(server: Server) -> None:
    bring = layer(server, {"ruby/lib/which.rb": b"WHICH = 'layer'\n"})
    code = {
        "function.rb": b"require 'which'\ndef handler(event:, context:) = WHICH\n",
        "which.rb": b"WHICH = 'function'\n",
    }
    function = create(server, code, runtime=RUNTIME, Handler="function.handler", Layers=[bring])
    assert function.value() == "function"


def test_an_exception_is_told_with_its_class_and_the_next_event_is_served(server: Server) -> None:
    function = ruby(server, "def handler(event:, context:)\n  raise ArgumentError, 'no' if event == 1\n  event\nend\n")
    failed = function.call(1)
    assert failed.error == "Unhandled"
    assert (failed.value["errorType"], failed.value["errorMessage"]) == ("Function<ArgumentError>", "no")
    assert failed.value["stackTrace"][0].startswith("/var/task/function.rb:2:in ")
    assert function.value(2) == 2


def test_what_it_prints_is_in_its_log(server: Server) -> None:
    function = ruby(server, "def handler(event:, context:)\n  puts 'one', 'two'\n  $stderr.puts 'three'\nend\n")
    log = function.call().log
    assert "one\ntwo\n" in log
    assert "three\n" in log


def test_a_wrapper_of_a_layer_starts_ruby(server: Server) -> None:
    script = b'#!/bin/sh\nexport ADDED="$*"\nexec "$@"\n'
    wrapper = layer(server, zips.archive(Item("wrapper", script, mode=stat.S_IFREG | 0o755)))
    text = "def handler(event:, context:) = ENV['ADDED']\n"
    variables = {"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}}
    function = ruby(server, text, Layers=[wrapper], Environment=variables)
    assert function.value() == "/var/lang/bin/ruby /var/runtime/lib/runtime.rb"


def test_one_that_says_it_is_3_3_serves_no_other_runtime(server: Server) -> None:
    function = create(server, {"function.rb": b""}, runtime="ruby3.4", Handler="function.handler")
    with pytest.raises(Exception, match=r"Installed here: ruby3\.3") as caught:
        function.call()
    assert "Runtime ruby3.4 is not installed" in str(caught.value)
