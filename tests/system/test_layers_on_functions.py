"""Which layers a function runs with, over every change to it and to them; never those of before."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.support import zips
from tests.support.functions import Function, client_of, create, layer, unique, wait_until
from tests.support.runtimes import NEWEST
from tests.support.server import ROLE, Server

WHICH = b"""
import os, mine
cold = True
def handler(event, context):
    global cold
    was_cold, cold = cold, False
    return [mine.origin, was_cold]
"""


def _layer(server: Server, origin: str, name: str = "", **more: bytes) -> str:
    return layer(server, {"python/mine.py": f"origin = {origin!r}".encode(), **more}, name)


def test_a_function_stays_on_its_version_when_another_is_published(shared_server: Server) -> None:
    name = unique("layer")
    first = _layer(shared_server, "first", name)
    function = create(shared_server, {"index.py": WHICH}, Layers=[first])
    assert function.value()[0] == "first"
    second = _layer(shared_server, "second", name)
    assert second == first.removesuffix(":1") + ":2"
    assert function.value()[0] == "first"
    function.update(Description="another cold start")
    assert function.value() == ["first", True]
    function.update(Layers=[second])
    assert function.value() == ["second", True]
    function.update(Layers=[first])
    assert function.value() == ["first", True]


def test_a_deleted_layer_keeps_running_cold_starts_and_a_new_server_included(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with Server.started(state) as server:
        name = unique("layer")
        arn = _layer(server, "deleted", name)
        function = create(server, {"index.py": WHICH}, Layers=[arn])
        never_run = create(server, {"index.py": WHICH}, Layers=[arn])
        assert function.value() == ["deleted", True]
        function.client.delete_layer_version(LayerName=name, VersionNumber=1)
        assert function.value() == ["deleted", False]
        function.update(Timeout=11)
        assert function.value() == ["deleted", True]
    with Server.started(state) as server:
        for left in (function.on(server), never_run.on(server)):
            assert left.value() == ["deleted", True]
            told = left.client.get_function_configuration(FunctionName=left.name)
            assert [one["Arn"] for one in told["Layers"]] == [arn]
            left.update(Description="without a word about layers")
            assert left.value() == ["deleted", True]
            with pytest.raises(ClientError) as caught:
                left.update(Layers=[arn])
            assert caught.value.response["Error"]["Message"] == f"Layer version {arn} does not exist."
            assert left.value() == ["deleted", False]
        # Its number is not given out again.
        assert _layer(server, "new", name).endswith(":2")


def test_the_next_invocation_after_any_change_runs_the_change(shared_server: Server) -> None:
    code = """
import os
def handler(event, context):
    return ["{}", os.environ.get("VALUE"), sorted(os.listdir("/opt")), context.memory_limit_in_mb]
"""
    one, two = layer(shared_server, {"one": b""}), layer(shared_server, {"two": b""})
    function = create(shared_server, code.format("a"))
    assert function.value() == ["a", None, [], "256"]
    for index in range(5):
        function.update_code(code.format(f"code {index}"))
        assert function.value()[0] == f"code {index}"
        function.update(Environment={"Variables": {"VALUE": str(index)}})
        assert function.value()[1] == str(index)
        for layers, names in (([one], ["one"]), ([two], ["two"]), ([one, two], ["one", "two"]), ([], [])):
            function.update(Layers=layers)
            assert function.value()[2] == names
        function.update(MemorySize=300 + index)
        assert function.value()[3] == str(300 + index)
    function.update_code("def handler(e, c): return 'h'\ndef other(e, c): return 'o'")
    assert function.value() == "h"
    function.update(Handler="index.other")
    assert function.value() == "o"


def test_the_order_of_layers_is_part_of_what_an_environment_is(shared_server: Server) -> None:
    one, two = _layer(shared_server, "one"), _layer(shared_server, "two")
    function = create(shared_server, {"index.py": WHICH}, Layers=[one, two])
    for layers, origin in (([one, two], "two"), ([two, one], "one"), ([one, two], "two")):
        function.update(Layers=layers)
        assert [function.value() for _ in range(2)] == [[origin, True], [origin, False]]


def test_functions_of_the_same_code_with_other_layers_do_not_mix(shared_server: Server) -> None:
    origins = [f"origin {index}" for index in range(6)]
    functions = [
        create(shared_server, {"index.py": WHICH}, Layers=[_layer(shared_server, origin)]) for origin in origins
    ]
    for _ in range(3):
        assert [function.value()[0] for function in functions] == origins
    twin = create(shared_server, {"index.py": WHICH}, Layers=[_layer(shared_server, origins[0])])
    assert twin.value() == [origins[0], True]


def test_a_function_made_anew_under_its_name_starts_anew(shared_server: Server) -> None:
    name = unique()
    for origin in ("first", "second"):
        function = create(shared_server, {"index.py": WHICH}, name=name, Layers=[_layer(shared_server, origin)])
        assert function.value() == [origin, True]
        function.client.delete_function(FunctionName=name)


def test_five_layers_make_one_opt(shared_server: Server) -> None:
    arns = [
        layer(shared_server, {f"data/{letter}": letter.encode(), "data/last": letter.encode()}) for letter in "abcde"
    ]
    code = "import os\ndef handler(e, c): return {n: open('/opt/data/' + n).read() for n in os.listdir('/opt/data')}"
    assert create(shared_server, code, Layers=arns).value() == {**{one: one for one in "abcde"}, "last": "e"}


def test_two_layers_with_the_same_bytes_are_attached_together(shared_server: Server) -> None:
    files = [{"data/last": letter} for letter in (b"a", b"b", b"a")]
    code = "def handler(e, c): return open('/opt/data/last').read()"
    arns = [layer(shared_server, each) for each in files]
    assert create(shared_server, code, Layers=arns).value() == "a"
    assert create(shared_server, code, Layers=arns[:2]).value() == "b"


def _refused(function: Function, layers: list[str]) -> str:
    wait_until(lambda: function.settled)
    before = function.client.get_function_configuration(FunctionName=function.name)
    with pytest.raises(ClientError) as caught:
        function.update(Layers=layers)
    assert caught.value.response["Error"]["Code"] == "InvalidParameterValueException"
    after = function.client.get_function_configuration(FunctionName=function.name)
    assert before["RevisionId"] == after["RevisionId"]
    return str(caught.value.response["Error"]["Message"])


def test_lists_of_layers_that_are_refused_change_nothing(shared_server: Server) -> None:
    name = unique("layer")
    first, second = _layer(shared_server, "1", name), _layer(shared_server, "2", name)
    others = [_layer(shared_server, str(index)) for index in range(5)]
    function = create(shared_server, {"index.py": WHICH}, Layers=[first])
    assert _refused(function, [*others, first]) == "Cannot reference more than 5 layers."
    for twice in ([first, second], [first, first]):
        assert _refused(function, twice) == (
            "Two different versions of the same layer are not allowed to be referenced in the same function. "
            f"{twice[0]} and {twice[1]} are versions of the same layer."
        )
    unknown = first.removesuffix(":1") + ":77"
    assert _refused(function, [unknown]) == f"Layer version {unknown} does not exist."
    assert function.value()[0] == "1"


LIMIT = 262_144_000


def _zeros(size: int) -> bytes:
    """An archive that is small, of a file that is not."""
    return zips.of({"zeros": bytes(size)})


@pytest.mark.slow
def test_code_and_layers_together_stay_within_250_megabytes(shared_server: Server) -> None:
    code = {"index.py": b"import os\ndef handler(e, c): return os.path.getsize('/opt/zeros')"}
    half = LIMIT // 2
    one, two = layer(shared_server, _zeros(half)), layer(shared_server, _zeros(half))
    function = create(shared_server, code, Layers=[one])
    assert function.value() == half
    with pytest.raises(ClientError) as caught:
        function.update(Layers=[one, two])
    size = LIMIT + len(code["index.py"])
    assert caught.value.response["Error"]["Code"] == "InvalidParameterValueException"
    assert caught.value.response["Error"]["Message"] == (
        f"Function code combined with layers exceeds the maximum allowed size of {LIMIT} bytes. "
        f"The actual size is {size} bytes."
    )
    with pytest.raises(ClientError):
        create(shared_server, code, Layers=[one, two])
    just = layer(shared_server, _zeros(half - len(code["index.py"])))
    function.update(Layers=[one, just])
    assert function.value() == half - len(code["index.py"])


def test_a_layer_over_the_limit_by_itself_is_refused(shared_server: Server) -> None:
    with pytest.raises(ClientError) as caught:
        layer(shared_server, _zeros(LIMIT + 1))
    assert caught.value.response["Error"]["Message"] == f"Unzipped size must be smaller than {LIMIT} bytes"


def test_what_is_downloaded_is_what_was_uploaded(shared_server: Server) -> None:
    content = zips.of({"python/x.py": b"x"})
    client, name = client_of(shared_server), unique("layer")
    published = client.publish_layer_version(
        LayerName=name, Content={"ZipFile": content}, CompatibleRuntimes=[NEWEST], LicenseInfo="MIT"
    )
    with urllib.request.urlopen(published["Content"]["Location"], timeout=60) as answer:
        assert answer.read() == content
    created = client.create_function(
        FunctionName=name, Runtime=NEWEST, Handler="x.y", Role=ROLE, Code={"ZipFile": content}
    )
    assert created["CodeSize"] == len(content)
    with urllib.request.urlopen(client.get_function(FunctionName=name)["Code"]["Location"], timeout=60) as answer:
        assert answer.read() == content
