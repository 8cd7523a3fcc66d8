"""Function URLs: the event a request becomes, and the answer a result becomes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lamina.functions import urls
from lamina.functions.urls import Signer, Url, UrlAnswer, UrlRequest

REQUEST = UrlRequest(
    method="POST",
    path="/a%20b",
    query="x=1&x=2&y=%26",
    headers={"host": "h", "cookie": "a=1; b=2", "content-type": "application/json", "user-agent": "curl"},
    body=b'{"k":1}',
    host="h",
    source_ip="192.0.2.7",
)
JSON = ("Content-Type", "application/json")


def event(request: UrlRequest) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(urls.event("id", "123456789012", request, "request-id", 1_767_323_045.678))
    return made


def test_a_request_becomes_an_event_of_format_2() -> None:
    made = event(REQUEST)
    assert made["version"] == "2.0"
    assert (made["rawPath"], made["rawQueryString"]) == ("/a b", "x=1&x=2&y=%26")
    assert made["queryStringParameters"] == {"x": "1,2", "y": "&"}
    assert made["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in made["headers"]
    assert (made["body"], made["isBase64Encoded"]) == ('{"k":1}', False)
    context = made["requestContext"]
    assert context["http"] == {
        "method": "POST",
        "path": "/a b",
        "protocol": "HTTP/1.1",
        "sourceIp": "192.0.2.7",
        "userAgent": "curl",
    }
    assert (context["time"], context["timeEpoch"]) == ("02/Jan/2026:03:04:05 +0000", 1_767_323_045_678)


def test_only_a_url_that_asks_for_a_signature_tells_whose_it_is() -> None:
    signer = Signer("111122223333", "", "AKIA", "arn:aws:iam::111122223333:user/a", "AIDA")
    signed = replace(REQUEST, headers={"authorization": "AWS4-HMAC-SHA256 Credential=AKIA/…"}, signer=signer)
    of_its_own = json.loads(urls.event("id", None, signed, "request-id", 0))["requestContext"]
    assert (of_its_own["accountId"], of_its_own.get("authorizer")) == ("anonymous", None)
    context = event(signed)["requestContext"]
    assert context["accountId"] == "123456789012"
    assert context["authorizer"]["iam"] == {
        "accessKey": "AKIA",
        "accountId": "111122223333",
        "callerId": "AIDA",
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": "arn:aws:iam::111122223333:user/a",
        "userId": "AIDA",
    }


def test_bytes_that_are_no_text_are_encoded_and_a_missing_body_is_absent() -> None:
    image = event(replace(REQUEST, headers={"content-type": "image/png"}, body=b"\x89PNG"))
    assert (image["body"], image["isBase64Encoded"]) == ("iVBORw==", True)
    bare = event(replace(REQUEST, headers={}, body=b"", query=""))
    assert not {"body", "cookies", "queryStringParameters"} & bare.keys()
    assert bare["isBase64Encoded"] is False


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        ({"a": 1}, UrlAnswer(200, [JSON], b'{"a": 1}')),
        ("text", UrlAnswer(200, [JSON], b"text")),
        (None, UrlAnswer(200, [JSON], b"null")),
        ({"statusCode": 204}, UrlAnswer(204, [JSON], b"")),
        (
            {"statusCode": "418", "headers": {"content-type": "text/plain", "X-N": 5}, "body": "short and stout"},
            UrlAnswer(418, [("content-type", "text/plain"), ("X-N", "5")], b"short and stout"),
        ),
        (
            {"statusCode": 200, "cookies": ["a=1", "b=2"], "body": "iVBORw==", "isBase64Encoded": True},
            UrlAnswer(200, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), JSON], b"\x89PNG"),
        ),
    ],
)
def test_a_result_becomes_an_answer(result: object, answer: UrlAnswer) -> None:
    assert urls.answer(json.dumps(result).encode()) == answer


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": "x"},
        {"statusCode": 9},
        {"statusCode": 200, "headers": "x"},
        {"statusCode": 200, "headers": {"a\r\nb": "c"}},
        {"statusCode": 200, "body": "!", "isBase64Encoded": True},
    ],
)
def test_a_result_that_is_no_answer_is_an_error_of_the_function(result: object) -> None:
    assert urls.answer(json.dumps(result).encode()).status == 502


CORS = {"AllowOrigins": ["https://a.test"], "AllowMethods": ["GET"], "MaxAge": 5, "AllowCredentials": True}
URL = Url("NONE", "BUFFERED", CORS, "then", "then")


def test_pages_of_allowed_origins_are_told_so_and_others_nothing() -> None:
    told = dict(urls.preflight(URL, "https://a.test").headers)
    assert told == {
        "Access-Control-Allow-Origin": "https://a.test",
        "Vary": "Origin",
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Methods": "GET",
        "Access-Control-Max-Age": "5",
    }
    assert urls.preflight(URL, "https://b.test").headers == []
    everybody = replace(URL, cors={"AllowOrigins": ["*"], "ExposeHeaders": ["x"]})
    assert urls.cors_headers(everybody, "https://b.test")[0] == ("Access-Control-Allow-Origin", "*")
    assert urls.cors_headers(replace(URL, cors=None), "https://a.test") == []


def test_an_update_changes_what_is_sent_and_replaces_cors_whole() -> None:
    after = urls.update(URL, {"AuthType": "AWS_IAM"}, "now")
    assert after == replace(URL, auth="AWS_IAM", modified="now")
    assert urls.update(URL, {"Cors": {"MaxAge": 1}}, "now").cors == {"MaxAge": 1}
    assert urls.update(URL, {"Cors": {}}, "now").cors is None


def test_the_mode_is_buffered_unless_told_otherwise_and_kept_by_updates() -> None:
    assert urls.create({"AuthType": "NONE"}, "now").mode == "BUFFERED"
    streaming = urls.create({"AuthType": "NONE", "InvokeMode": "RESPONSE_STREAM"}, "now")
    assert streaming.mode == urls.update(streaming, {"AuthType": "AWS_IAM"}, "now").mode == "RESPONSE_STREAM"
    assert urls.update(streaming, {"InvokeMode": "BUFFERED"}, "now").mode == "BUFFERED"


OCTETS = ("Content-Type", "application/octet-stream")


@pytest.mark.parametrize(
    ("prelude", "status", "headers"),
    [
        (b"{}", 200, [OCTETS]),
        (b'{"statusCode": 404}', 404, [OCTETS]),
        (
            b'{"statusCode": 200, "headers": {"content-type": "text/html", "x-n": "1"}, "cookies": ["a=1", "b=2"]}',
            200,
            [("content-type", "text/html"), ("x-n", "1"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")],
        ),
        (b'{"headers": {"Transfer-Encoding": "chunked", "Content-Length": "5", "Connection": "close"}}', 200, [OCTETS]),
    ],
)
def test_a_prelude_is_the_head_of_a_streamed_answer(prelude: bytes, status: int, headers: object) -> None:
    assert urls.begun(prelude, b"rest") == UrlAnswer(status, headers, b"rest")  # type: ignore[arg-type]
    whole = urls.answer(prelude + bytes(8) + b"rest", urls.INTEGRATION)
    assert whole == urls.begun(prelude, b"rest"), "the same where the answer is awaited whole"


@pytest.mark.parametrize(
    "prelude", [b"", b"[]", b"no JSON", b'{"statusCode": 100}', b'{"headers": {"a": "b\\r\\nc: d"}}', b'{"headers": 5}']
)
def test_a_prelude_that_is_none_is_an_error_of_the_function(prelude: bytes) -> None:
    assert urls.begun(prelude, b"rest").status == 502
    assert urls.answer(prelude, urls.INTEGRATION).status == 502


def test_what_is_streamed_without_a_prelude_is_of_the_type_the_runtime_says() -> None:
    assert urls.streamed("text/plain", b"") == UrlAnswer(200, [("Content-Type", "text/plain")], b"")
    assert urls.streamed(None, b"") == urls.streamed("a\nb", b"") == UrlAnswer(200, [OCTETS], b"")


def test_what_is_no_json_is_the_body_as_it_is() -> None:
    assert urls.answer(b"plain") == UrlAnswer(200, [JSON], b"plain")
