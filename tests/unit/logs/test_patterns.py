"""Filter patterns, mostly the examples of AWS's documentation."""

from __future__ import annotations

import json
import time

import pytest

from lamina.logs.patterns import BadPattern, compile_pattern

CLIENT = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'
EVENT = json.dumps(
    {
        "eventType": "UpdateTrail",
        "sourceIPAddress": "111.111.111.111",
        "arrayKey": ["value", "another value"],
        "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
        "SomeObject": None,
        "errorCode": 400,
        "errorMessage": "This is an error",
        "latency": 1.5e2,
        "ok": True,
        "users": [{"id": 1, "email": "John.Doe@example.com"}],
        "dotted.key": "x",
        "cluster-name": "c",
    }
)


def matches(pattern: str, message: str) -> bool:
    predicate = compile_pattern(pattern)
    return predicate is None or predicate(message)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", "1 2 3 4"),
        ("ERROR", "1 2 3"),
        ("error", ""),
        ("ERROR ARGUMENTS", "2 3"),
        ("ERROR ARG", "2 3"),
        ("?ERROR ?INFO", "1 2 3 4"),
        ("?nothing ?INFO", "4"),
        ("ERROR -ARGUMENTS", "1"),
        ("-ERROR", "4"),
        ('"INVALID ARGUMENTS"', "3"),
        ('ERROR -"INVALID ARGUMENTS"', "1 2"),
        ('"[ERROR 400]"', "1"),
        ("%ERROR 40[01]%", "1 2"),
        ("%^.ERROR (4|5)%", None),
        ("ERROR ?INFO", "1 2 3"),
        ("4\u00e9", ""),
        ("some-thing", None),
        ("a.b", None),
        ('"never closed', None),
        ("-", None),
        ("?", None),
    ],
)
def test_terms(pattern: str, expected: str | None) -> None:
    messages = ["[ERROR 400] BAD REQUEST", "[ERROR 401] MISSING ARGUMENTS", "[ERROR 419] INVALID ARGUMENTS", "INFO"]
    if expected is None:
        with pytest.raises(BadPattern):
            compile_pattern(pattern)
    else:
        found = [str(number) for number, message in enumerate(messages, 1) if matches(pattern, message)]
        assert " ".join(found) == expected


def test_a_term_with_other_characters_than_those_of_words_is_refused_in_awss_words() -> None:
    with pytest.raises(BadPattern, match=r"^Invalid character\(s\) in term 'x-y'$"):
        compile_pattern("x-y")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{ $.eventType = "UpdateTrail" }', True),
        ("{ $.eventType = UpdateTrail }", True),
        ('{ $.eventType = "Update" }', False),
        ('{ $.eventType = "Update*" }', True),
        ("{ $.eventType = *Trail }", True),
        ('{ $.eventType = "U*t*l" }', True),
        ('{ $.eventType = "U*x*l" }', False),
        ('{ $.sourceIPAddress != "123.123.*" }', True),
        ("{ $.sourceIPAddress != 111.111.* }", False),
        ('{ $.arrayKey[0] = "value" }', True),
        ('{ $.arrayKey[2] = "value" }', False),
        ("{ $.objectList[1].id = 2 }", True),
        ("{ $.SomeObject IS NULL }", True),
        ("{ $.nothing IS NULL }", False),
        ("{ $.SomeOtherObject NOT EXISTS }", True),
        ("{ $.SomeObject NOT EXISTS }", False),
        ("{ $.ok IS TRUE }", True),
        ("{ $.ok IS FALSE }", False),
        ("{ $.errorCode = 400 }", True),
        ("{ $.errorCode = 4* }", True),
        ('{ $.errorCode = "400" }', True),
        ("{ $.errorCode = 4e2 }", True),
        ("{ $.errorCode >= 400 && $.errorCode < 401 }", True),
        ("{ $.errorCode > 400 }", False),
        ("{ $.latency = 150 }", True),
        ("{ $.latency <= 1.5e2 }", True),
        ("{ $.nothing != 1 }", False),
        ("{ $.nothing = 1 || $.errorCode = 400 }", True),
        ('{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }', False),
        ('{ ($.users[0].id = 1 || $.nothing = 2) && $.users[0].email = "John*" }', True),
        ('{ $.a = 1 || $.eventType = "UpdateTrail" && $.b = 2 }', False),
        ("{ $.eventType = %Trail$% }", True),
        ("{ $.eventType = %^Trail% }", False),
        ('{ $.["dotted.key"] = "x" }', None),
        ('{ $["dotted.key"] = "x" }', True),
        ("{ $.cluster-name = c }", True),
        ("{ $.users = 1 }", False),
        ("{ $.errorMessage = This }", False),
        ("{ $.errorCode }", None),
        ("{ $.errorCode = }", None),
        ("{ = 1 }", None),
        ("{ $.a = 1 && }", None),
        ("{ ($.a = 1 }", None),
        ("{ $.a = 1", None),
        ("{ $ = 1 }", None),
        ("{ a = 1 }", None),
        ('{ $.a > "b" }', None),
        ("{}", None),
        ("{" + "(" * 300 + "$.a = 1" + ")" * 300 + "}", None),
    ],
)
def test_json(pattern: str, expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(BadPattern):
            compile_pattern(pattern)
    else:
        assert matches(pattern, EVENT + "\n") is expected


@pytest.mark.parametrize("message", ["plain text", "", "{", "[1]", "[" * 100_000, '{"a": }'])
def test_what_is_no_json_object_matches_no_json_pattern(message: str) -> None:
    assert not matches("{ $.a = 1 }", message)
    assert not matches("{ $.a != 1 }", message)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[ip, user, username, timestamp, request = *.html*, status_code = 4*, bytes]", True),
        ("[ip, user, username, timestamp, request, status_code = 5*, bytes]", False),
        ("[..., request = *.html*, status_code = 4*, bytes]", True),
        ("[ip, ..., bytes > 1000]", True),
        ("[ip, ..., bytes > 2000]", False),
        ("[ip, ...]", True),
        ("[ip, user]", False),
        ("[ip, user, username, timestamp, request, status_code, bytes, more]", False),
        ("[ip=%127\\.0\\.0\\.[0-9]{1,3}%, ...]", True),
        ("[..., status_code = 404 || status_code = 410, bytes]", True),
        ("[..., status_code = 4* && status_code != 404, bytes]", False),
        ('[..., timestamp = "10/Oct*", request, s, b]', True),
        ("[w1, w2, w3, w4, w5, w6 = 404.0, w7]", True),
        ("[a, , , , , , b = 1534]", True),
        ("[a, ..., b, ...]", None),
        ("[a = 1 || b = 2, c]", None),
        ("[a", None),
        ("[a ~ 1]", None),
    ],
)
def test_space_delimited(pattern: str, expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(BadPattern):
            compile_pattern(pattern)
    else:
        assert matches(pattern, CLIENT + "\n") is expected


@pytest.mark.parametrize(
    ("regex", "found", "not_found"),
    [
        ("colou?r", "color colour", "colouur"),
        ("gray|grey", "gray grey", "gruy"),
        ("10\\.10\\.0\\.1", "10.10.0.1", "10-10-0-1 10.1000.1"),
        ("[a-cx]y", "ay cy xy", "dy"),
        ("[^ab]y", "cy", "ay by y"),
        ("a{3,5}b", "aaab aaaaaab", "aab"),
        ("^a{2}$", "aa", "aaa a"),
        ("^ab*c$", "ac abbbc", "abb abcc"),
        ("ab+c", "abc abbc", "ac"),
        ("\\d\\D\\w", "1x_", "12- x1x"),
        ("\\x41", "A", "41"),
        ("[\\d.]+Z", "1.Z", "Z"),
        ("a{2,}b", "aab aaaab", "ab"),
        ("^a|b$", "ax xb", "xax"),
    ],
)
def test_regular_expressions(regex: str, found: str, not_found: str) -> None:
    for word in found.split():
        assert matches(f"%{regex}%", word + "\n"), word
    for word in not_found.split():
        assert not matches(f"%{regex}%", word + "\n"), word


@pytest.mark.parametrize(
    "regex", ["", "a(b)", "a!", "*a", "a**", "[a", "a{2", "a{3,2}", "\\", "é", "a{9999}", "[z-a]", "[]"]
)
def test_what_is_no_regular_expression_of_theirs_is_refused(regex: str) -> None:
    with pytest.raises(BadPattern):
        compile_pattern(f"%{regex}%")


@pytest.mark.parametrize(
    "pattern", ["%.*a.*a.*a.*a.*a.*b%", "{ $.m = " + "*a" * 200 + "b }", "%" + "a?" * 300 + "a{300}" + "%"]
)
def test_no_pattern_takes_longer_than_the_message_is_long(pattern: str) -> None:
    message = json.dumps({"m": "a" * 250_000})
    began = time.process_time()
    matches(pattern, message)
    # Tried one way after the other, these take years.
    assert time.process_time() - began < 5
