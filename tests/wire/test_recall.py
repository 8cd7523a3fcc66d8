"""What is remembered of requests: nothing may be read from one request into another but what both of them say."""

from __future__ import annotations

import pytest

from lamina.wire import Api, Invalid, recall

_PATH = "/2015-03-31/functions/f/invocations"


@pytest.fixture(scope="module")
def api() -> Api:
    return Api.load()


def _read(api: Api, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> tuple[str, object]:
    route = api.route(method, path, query)
    params = api.parse(route, headers, body)
    api.remember(method, path, query, headers, route.operation, params)
    return route.operation, params


def test_a_request_that_differs_in_its_payload_is_recalled_with_its_own(api: Api) -> None:
    _read(api, "POST", _PATH, "Qualifier=live", {"x-amz-log-type": "Tail"}, b'{"n": 1}')

    recalled = api.recall("POST", _PATH, "Qualifier=live", {"x-amz-log-type": "Tail", "date": "today"}, b'{"n": 2}')

    assert recalled == (
        "Invoke",
        {"FunctionName": "f", "Qualifier": "live", "LogType": "Tail", "Payload": b'{"n": 2}'},
    )


@pytest.mark.parametrize(
    ("path", "query", "headers", "body"),
    [
        ("/2015-03-31/functions/g/invocations", "", {}, b"1"),
        (_PATH, "Qualifier=1", {}, b"1"),
        (_PATH, "", {"x-amz-invocation-type": "Event"}, b"1"),
        (_PATH, "", {"x-amz-client-context": "e30="}, b"1"),
        (_PATH, "", {}, b""),
    ],
)
def test_one_that_differs_elsewhere_is_not(
    api: Api, path: str, query: str, headers: dict[str, str], body: bytes
) -> None:
    _read(api, "POST", _PATH, "", {}, b"1")

    assert api.recall("POST", path, query, headers, body) is None


def test_what_is_recalled_is_the_callers_to_change(api: Api) -> None:
    _read(api, "POST", _PATH, "", {}, b"1")
    first = api.recall("POST", _PATH, "", {}, b"1")
    assert first is not None
    first[1]["FunctionName"] = "another"

    again = api.recall("POST", _PATH, "", {}, b"1")

    assert again == ("Invoke", {"FunctionName": "f", "Payload": b"1"})


def test_a_body_that_is_looked_into_is_never_recalled(api: Api) -> None:
    path = "/2015-03-31/functions/f/aliases"
    _read(api, "POST", path, "", {}, b'{"Name": "live", "FunctionVersion": "1"}')

    assert api.recall("POST", path, "", {}, b'{"Name": "live", "FunctionVersion": "1"}') is None


def test_what_is_refused_is_refused_every_time(api: Api) -> None:
    headers = {"x-amz-invocation-type": "Sometimes"}
    for _ in range(2):
        with pytest.raises(Invalid):
            _read(api, "POST", _PATH, "", headers, b"1")

        assert api.recall("POST", _PATH, "", headers, b"1") is None


def test_beyond_some_number_the_oldest_are_forgotten_one_by_one(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall, "_REMEMBERED_MAX", 3)
    paths = [f"/2015-03-31/functions/{name}/invocations" for name in "vwxyz"]
    for path in paths:
        _read(api, "POST", path, "", {}, b"1")

    recalled = [api.recall("POST", path, "", {}, b"1") is not None for path in paths]

    assert recalled == [False, False, True, True, True]


def test_what_is_long_is_not_kept(api: Api) -> None:
    headers = {"x-amz-client-context": "e30=" * 100}
    _read(api, "POST", _PATH, "", headers, b"1")

    assert api.recall("POST", _PATH, "", headers, b"1") is None
