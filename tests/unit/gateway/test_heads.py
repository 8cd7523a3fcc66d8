"""The head of an answer, byte for byte but for the date."""

from __future__ import annotations

import re

import pytest

from lamina.gateway.heads import head
from lamina.gateway.messages import Answer

DATE = re.compile(rb"date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n")


def printed(status: int, keep_alive: bool = True) -> bytes:
    text = head(Answer.whole(status, [("x-amzn-RequestId", "the-id")], b"abc"), keep_alive=keep_alive)
    text, dates = DATE.subn(b"", text)
    assert dates == 1
    return text


def test_an_answer_says_its_length_and_that_the_connection_stays() -> None:
    assert printed(200) == (
        b"HTTP/1.1 200 OK\r\nx-amzn-RequestId: the-id\r\ncontent-length: 3\r\nconnection: keep-alive\r\n\r\n"
    )


def test_the_last_answer_says_that_it_is_the_last() -> None:
    assert printed(413, keep_alive=False).endswith(b"connection: close\r\n\r\n")


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_has_no_body_has_no_length(status: int) -> None:
    assert b"content-length" not in printed(status)


def test_a_status_without_a_name_is_still_a_status_line() -> None:
    assert printed(299).startswith(b"HTTP/1.1 299 \r\n")
