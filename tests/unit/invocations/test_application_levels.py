"""Printed lines that say their level, and which of them are kept."""

from __future__ import annotations

import pytest

from lamina.invocations.application_levels import passing


@pytest.mark.parametrize(
    ("least", "kept"),
    [
        ("TRACE", ["trace", "debug", "Information", "WARN", "error", "FATAL"]),
        ("DEBUG", ["debug", "Information", "WARN", "error", "FATAL"]),
        ("INFO", ["Information", "WARN", "error", "FATAL"]),
        ("WARN", ["WARN", "error", "FATAL"]),
        ("ERROR", ["error", "FATAL"]),
        ("FATAL", ["FATAL"]),
    ],
)
def test_a_level_lets_itself_and_what_is_above_through(least: str, kept: list[str]) -> None:
    lines = [
        b'{"level":"%s"}\n' % level.encode() for level in ("trace", "debug", "Information", "WARN", "error", "FATAL")
    ]
    assert passing(b"".join(lines), least) == b"".join(b'{"level":"%s"}\n' % level.encode() for level in kept)


@pytest.mark.parametrize("line", [b'{"message":"no level"}\n', b'{"level":7}\n', b'{"level":"loud"}\n'])
def test_json_without_a_level_counts_as_info(line: bytes) -> None:
    assert passing(line, "INFO") == line
    assert passing(line, "WARN") == b""


@pytest.mark.parametrize(
    "line", [b"plain\n", b"\n", b"{broken\n", b'["level"]\n', b'{"a":' * 100_000 + b"\n", b"{\xff}\n", b"no end"]
)
def test_what_is_no_object_of_json_is_left_alone(line: bytes) -> None:
    assert passing(line, "FATAL") == line
