"""JSON bodies: what is no value of the model's types is refused; long strings are read without a copy as text."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.wire import Api, Invalid, long_strings
from lamina.wire.long_strings import LongString, check, load_json

API = Api.load("lambda")
CREATE = API.route("POST", "/2015-03-31/functions")
PUBLISH = API.route("POST", "/2018-10-31/layers/l/versions")
FUNCTION = {"FunctionName": "f", "Role": "arn:aws:iam::000000000000:role/r", "Code": {}}


def refusal(body: bytes) -> str:
    with pytest.raises(Invalid) as caught:
        API.parse(CREATE, {}, body)
    assert (caught.value.code, caught.value.status, caught.value.kind) == ("SerializationException", 400, None)
    return caught.value.message


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{'FunctionName': 'f'}",
        b'{"MemorySize": NaN}',
        b'{"MemorySize": -Infinity}',
        b'{"FunctionName": "\xff"}',
        b'\xef\xbb\xbf{"FunctionName": "f"}',
        '{"FunctionName": "f"}'.encode("utf-16"),
        b'{"Description": "a\nb"}',
        b'{"MemorySize": ' + b"1" * 5000 + b"}",
        b'{"Tags": ' * 100_000,
        b"[" * 100_000,
    ],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    assert "Could not parse request body into json" in refusal(body)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"MemorySize": "128"}, "STRING_VALUE can not be converted to an Integer"),
        ({"MemorySize": True}, "TRUE_VALUE can not be converted to an Integer"),
        ({"MemorySize": 1.5}, "NUMBER_VALUE can not be converted to an Integer"),
        ({"Description": 5}, "NUMBER_VALUE can not be converted to a String"),
        ({"Publish": "true"}, "STRING_VALUE can not be converted to a Boolean"),
        ({"Layers": "arn"}, "Unexpected field type"),
        ({"Tags": "a=b"}, "Unexpected field type"),
        ({"TracingConfig": 5}, "Unexpected field type"),
        ({"Description": ["a"]}, "Start of list found where not expected"),
        ({"Description": {"a": 1}}, "Start of structure or map found where not expected."),
        ({"Description": "\ud800"}, "Could not parse request body into json: incomplete surrogate pair"),
        ({"Tags": {"\udfff": "x"}}, "Could not parse request body into json: incomplete surrogate pair"),
        ({"Code": {"ZipFile": 5}}, "NUMBER_VALUE can not be converted to a Blob"),
    ],
)
def test_a_value_of_another_type_is_refused(members: dict[str, Any], message: str) -> None:
    assert refusal(json.dumps(FUNCTION | members).encode()) == message


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"5", b"null"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    assert refusal(body) == "Unexpected field type"


@pytest.mark.parametrize("text", ["not base64!", "QQ", "QQ=", "QUJD\n", "QUJD QUJD", "ä"])
def test_bad_base64_is_refused_short_or_long(text: str) -> None:
    for sent in (text, "QUJD" * 50_000 + text):
        assert "base64" in refusal(json.dumps(FUNCTION | {"Code": {"ZipFile": sent}}).encode())


def test_nulls_and_unknown_members_are_as_if_they_were_not_there() -> None:
    body = FUNCTION | {"Description": None, "Invented": {"deep": ["x"]}, "Code": {"ZipFile": None, "Other": 1}}
    assert API.parse(CREATE, {}, json.dumps(body).encode()) == FUNCTION


def test_whole_numbers_may_be_written_with_a_fraction() -> None:
    assert API.parse(CREATE, {}, json.dumps(FUNCTION | {"MemorySize": 128.0}).encode())["MemorySize"] == 128


def test_a_null_in_a_list_is_a_broken_constraint() -> None:
    with pytest.raises(Invalid, match=r"Value '\[null\]' at 'layers' .* Member must not be null\]"):
        API.parse(CREATE, {}, json.dumps(FUNCTION | {"Layers": [None]}).encode())


def test_numbers_in_the_path_and_the_query_are_plain_decimal() -> None:
    for number in ("1_000", "+1", " 1", "1.0", "٣", "", "x"):
        with pytest.raises(Invalid) as caught:
            API.parse(API.route("GET", "/2018-10-31/layers", f"MaxItems={number}".replace("+", "%2B")), {}, b"")
        assert caught.value.code == "SerializationException"


# Long strings

ZIP = bytes(range(256)) * 1024
BASE64 = base64.b64encode(ZIP).decode()


def publish(body: bytes) -> dict[str, Any]:
    return API.parse(PUBLISH, {}, body)


def was_cut(body: bytes) -> bool:
    return bool(load_json(body)[1])


@pytest.mark.parametrize("indent", [None, 2])
def test_a_long_archive_is_cut_out_and_decoded(indent: int | None) -> None:
    body = json.dumps({"Description": 'a "b" \\', "Content": {"ZipFile": BASE64}}, indent=indent).encode()
    assert was_cut(body)
    assert publish(body) == {"LayerName": "l", "Description": 'a "b" \\', "Content": {"ZipFile": ZIP}}


def test_an_archive_with_escaped_slashes_goes_the_general_way() -> None:
    # Some clients escape every slash, which base64 is full of.
    body = json.dumps({"Content": {"ZipFile": BASE64}}).replace("/", "\\/").encode()
    assert not was_cut(body)
    assert publish(body)["Content"]["ZipFile"] == ZIP


def test_of_two_members_of_one_name_the_last_counts() -> None:
    other = base64.b64encode(ZIP[::-1]).decode()
    body = f'{{"Content": {{"ZipFile": "{other}", "ZipFile": "{BASE64}"}}}}'.encode()
    assert was_cut(body)
    assert publish(body)["Content"]["ZipFile"] == ZIP
    body = f'{{"Content": {{"ZipFile": "{other}"}}, "Content": {{"ZipFile": "QQ=="}}}}'.encode()
    assert publish(body)["Content"] == {"ZipFile": b"A"}


def test_an_archive_elsewhere_is_not_the_archive() -> None:
    body = json.dumps({"ZipFile": BASE64, "Other": {"Content": {"ZipFile": BASE64}}, "Content": {}}).encode()
    assert was_cut(body)
    assert publish(body) == {"LayerName": "l", "Content": {}}


def test_a_long_string_where_text_belongs_is_that_text() -> None:
    with pytest.raises(Invalid) as caught:
        publish(json.dumps({"Content": {}, "Description": BASE64}).encode())
    assert f"Value '{BASE64}' at 'description'" in caught.value.message


def test_a_long_string_where_nothing_reads_it_must_still_be_json() -> None:
    for bad in ("\n", "\x00"):
        with pytest.raises(Invalid, match="Could not parse request body into json"):
            publish(f'{{"Content": {{}}, "Unknown": "{BASE64}{bad}"}}'.encode())
    with pytest.raises(Invalid, match="Could not parse request body into json"):
        publish(b'{"Content": {}, "Unknown": "' + BASE64.encode() + b'\xff"}')


WORDS_OF_THE_SENDERS = (
    f'{{"Content": {{"ZipFile": NaN}}, "Description": "{BASE64}"}}',
    f'{{"Content": {{"ZipFile": "{BASE64}"}}, "Description": NaN}}',
    f'{{"Content": {{"ZipFile": "{BASE64}"}}, "Description": Infinity}}',
)


def test_a_word_of_the_senders_own_is_not_taken_for_ours() -> None:
    for body in WORDS_OF_THE_SENDERS:
        with pytest.raises(Invalid, match="is no JSON"):
            publish(body.encode())
    harmless = f'{{"Content": {{"ZipFile": "{BASE64}"}}, "Description": "NaN"}}'
    assert publish(harmless.encode())["Description"] == "NaN"


def test_a_long_key_goes_the_general_way() -> None:
    assert publish(f'{{"{BASE64}": 1, "Content": {{}}}}'.encode()) == {"LayerName": "l", "Content": {}}


def test_an_unfinished_long_string_is_refused() -> None:
    for end in ("", "\\", '"', '"}', '\\"}}'):
        with pytest.raises(Invalid):
            publish(f'{{"Content": {{"ZipFile": "{BASE64}{end}'.encode())


TEXTS = st.text(alphabet=st.sampled_from('ab"\\/\n\x00é😀{}[]:,N'), max_size=12) | st.just("NaN")
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
)


@pytest.fixture(scope="module")
def short_is_long() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_strings, "LONG_STRING_BYTES_MIN", 3)
        yield


@settings(max_examples=500, deadline=None, database=None)
@given(document=DOCUMENTS, ascii_only=st.booleans(), cut_at=st.none() | st.integers(0, 60))
def test_cutting_never_changes_what_a_body_means(
    short_is_long: None, document: Any, ascii_only: bool, cut_at: int | None
) -> None:
    body = json.dumps(document, ensure_ascii=ascii_only).encode()[:cut_at]
    try:
        expected = json.loads(body.decode(), parse_constant=pytest.fail)
    except ValueError:
        with pytest.raises(Invalid):
            _read(body)
    else:
        assert _read(body) == expected


def _read(body: bytes) -> Any:
    value, strings = load_json(body)
    check(strings)
    return _resolved(value)


def _resolved(value: Any) -> Any:
    if isinstance(value, LongString):
        return value.text()
    if isinstance(value, dict):
        return {key: _resolved(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_resolved(held) for held in value]
    return value
