"""What Lamina refuses is documented, and so is what it keeps without effect."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from lamina.environments.spec import EnvironmentSpec
from lamina.functions.unsupported import SETTINGS
from lamina.functions.versions import Configuration
from lamina.functions.without_effect import WITHOUT_EFFECT

PAGE = Path(__file__).parents[2] / "docs" / "OPERATIONS.md"


def test_every_setting_that_is_refused_is_on_the_page_of_operations() -> None:
    refused = PAGE.read_text("utf-8").partition("## Refused by name")[2]
    assert [setting for setting in SETTINGS if f"`{setting}`" not in refused] == []


# What of a configuration reaches an environment under another name, decides before there is one, or is for people.
_UNDER_ANOTHER_NAME = {"environment", "logging", "snap_start", "description"}
_NAMES = {
    "vpc": "VpcConfig",
    "dead_letter": "DeadLetterConfig",
    "kms_key": "KMSKeyArn",
    "tracing": "TracingConfig Active",
    "file_systems": "FileSystemConfigs",
    "image": "PackageType Image",
}


def test_every_setting_without_effect_is_on_the_page_of_operations() -> None:
    in_environments = {field.name for field in fields(EnvironmentSpec)}
    unused = {field.name for field in fields(Configuration)} - in_environments - _UNDER_ANOTHER_NAME
    assert unused == _NAMES.keys()
    assert set(_NAMES.values()) <= WITHOUT_EFFECT.keys()
    said = PAGE.read_text("utf-8").partition("## Kept and shown, without effect here")[2]
    assert [setting for setting in WITHOUT_EFFECT if f"| `{setting}` |" not in said] == []
