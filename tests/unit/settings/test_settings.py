"""Where a setting comes from, and what is said about one that makes no sense."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from lamina.settings import SETTINGS, BadSetting, Settings


def test_an_empty_environment_gives_what_people_are_used_to() -> None:
    settings = Settings.read({}, root=True)
    assert (settings.host, settings.port, settings.state_dir) == ("127.0.0.1", 4566, Path("/var/lib/lamina"))
    assert (settings.account_id, settings.region) == ("000000000000", "us-east-1")
    assert (settings.keepalive_ms, settings.retry_base_delay_s) == (600_000, 60)


def test_every_field_has_exactly_one_row() -> None:
    assert [setting.field for setting in SETTINGS] == [field.name for field in fields(Settings)]


def test_the_command_line_beats_the_environment_and_our_name_beats_the_borrowed_one() -> None:
    environ = {"GATEWAY_PORT": "1", "LAMINA_PORT": "2"}
    assert Settings.read({"GATEWAY_PORT": "1"}, root=True).port == 1
    assert Settings.read(environ, root=True).port == 2
    assert Settings.read(environ, {"port": "3"}, root=True).port == 3


def test_an_option_not_given_and_an_empty_variable_count_as_unset() -> None:
    assert Settings.read({"LAMINA_PORT": "", "GATEWAY_PORT": "7"}, {"port": None}, root=True).port == 7


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"XDG_STATE_HOME": "/x", "HOME": "/h"}, "/x/lamina"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/h"}, "/h/.local/state/lamina"),
        ({"HOME": "/h"}, "/h/.local/state/lamina"),
        ({"HOME": "/h", "LAMINA_STATE": "/s"}, "/s"),
    ],
)
def test_an_ordinary_user_keeps_state_where_xdg_says(environ: dict[str, str], expected: str) -> None:
    assert Settings.read(environ, root=False).state_dir == Path(expected)


def test_an_ordinary_user_without_a_home_is_told_what_to_set() -> None:
    with pytest.raises(BadSetting, match="LAMINA_STATE"):
        Settings.read({}, root=False)


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("LAMINA_PORT", "http", "from 0 to 65535"),
        ("LAMINA_PORT", "65536", "from 0 to 65535"),
        ("GATEWAY_PORT", "-1", "from 0 to 65535"),
        ("GATEWAY_PORT", "\N{ARABIC-INDIC DIGIT FOUR}", "from 0 to 65535"),
        ("LAMINA_ACCOUNT_ID", "12345", "12 digits"),
        ("AWS_DEFAULT_REGION", "Frankfurt", "eu-central-1"),
        ("LAMINA_MAX_ENVIRONMENTS", "0", "from 1"),
        ("LAMBDA_KEEPALIVE_MS", "10m", "milliseconds"),
        ("LAMBDA_SYNCHRONOUS_CREATE", "maybe", "1, true, yes or on"),
        ("LAMBDA_RETRY_BASE_DELAY", "1.5", "seconds"),
        ("LAMINA_LOG_LEVEL", "loud", "debug, info, warning, error"),
        ("LAMINA_HOST", "a b", "127.0.0.1"),
        ("LAMINA_PRELOAD", "pandas,", "pandas,numpy"),
        ("LAMINA_PRELOAD", "python-dateutil", "names of Python modules"),
        ("LAMINA_PRELOAD", "pandas.class", "names of Python modules"),
    ],
)
def test_a_bad_value_names_its_variable_and_what_would_do(variable: str, value: str, says: str) -> None:
    with pytest.raises(BadSetting) as caught:
        Settings.read({variable: value}, root=True)
    assert str(caught.value).startswith(f"{variable} is {value!r}, but must be ")
    assert says in str(caught.value)


def test_a_secret_that_makes_no_sense_is_not_shown() -> None:
    with pytest.raises(BadSetting, match=r"^LAMINA_METRICS_TOKEN holds a secret") as caught:
        Settings.read({"LAMINA_METRICS_TOKEN": "my own"}, root=True)
    assert "my own" not in str(caught.value)


def test_a_bad_option_is_named_as_it_was_typed() -> None:
    with pytest.raises(BadSetting, match=r"^--port is 'x', but must be"):
        Settings.read({}, {"port": "x"}, root=True)


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("TRUE", True), ("off", False), ("0", False)])
def test_switches_read_the_words_people_write(value: str, expected: bool) -> None:
    assert Settings.read({"LAMBDA_SYNCHRONOUS_CREATE": value}, root=True).synchronous_create is expected


def test_modules_to_preload_are_named_in_the_order_they_are_imported_each_once() -> None:
    settings = Settings.read({"LAMINA_PRELOAD": "numpy, pandas.io ,numpy"}, root=True)
    assert settings.preload == ("numpy", "pandas.io")
    assert Settings.read({}, root=True).preload == ()
