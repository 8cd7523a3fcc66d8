"""Download addresses: who has one may download, for ten minutes, that archive only."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from lamina.names import Digest

from .house import CODE, House


@pytest.fixture
def location(house: House) -> str:
    house.function("f")
    return str(house.call("GetFunction", FunctionName="f")["Code"]["Location"])


def refused(house: House, location: str) -> tuple[int, str]:
    download = house.download(location)
    body = b"".join(download.chunks).decode()
    assert download.headers["Content-Type"] == "application/xml"
    assert download.length == len(body)
    assert body.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>')
    return download.status, body.partition("<Code>")[2].partition("</Code>")[0]


def test_an_address_works_for_ten_minutes(house: House, location: str) -> None:
    house.now += 599
    assert b"".join(house.download(location).chunks) == CODE
    house.now += 2
    assert refused(house, location) == (403, "AccessDenied")


def test_an_altered_address_is_refused(house: House, location: str) -> None:
    parts = urlsplit(location)
    query = dict(parse_qsl(parts.query))
    later = location.replace(f"Expires={query['Expires']}", f"Expires={int(query['Expires']) + 1}")
    other = location.replace(Digest.of(CODE).hex, Digest.of(b"other").hex)
    bare = location.partition("?")[0]
    strange = f"{bare}?Expires=x&Signature=%C3%BC"
    outside = location.replace(Digest.of(CODE).hex, "../catalog.db")
    for altered in (later, other, bare, strange, outside):
        assert refused(house, altered) == (403, "SignatureDoesNotMatch")


def test_what_is_gone_is_not_found(house: House, location: str) -> None:
    house.call("DeleteFunction", FunctionName="f")
    assert refused(house, location) == (404, "NoSuchKey")


def test_an_address_names_the_host_that_was_asked(location: str) -> None:
    assert location.startswith("http://lamina.test:4566/_lamina/content/")
