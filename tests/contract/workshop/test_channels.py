"""Where channels are kept: SSM and a file do the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lamina.names import LayerVersionArn
from lamina.rollouts.channels import Channel
from lamina.workshop.channels import ChannelsFile, Parameters, Register, find
from lamina.workshop.endpoint import Endpoint
from lamina.workshop.errors import WorkshopError
from tests.support.foreign import moto

Make = Callable[[str], Register]


@pytest.fixture(params=["ssm", "file"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Gives the register of a region; all of a test are in one account, or one file."""
    if request.param == "file":
        yield lambda region: ChannelsFile(tmp_path / "lamina-channels.toml", region)
        return
    with moto() as address:
        yield lambda region: Parameters(Endpoint(address), region)


def channel(name: str, number: int, layer: str = "shared", region: str = "us-east-1") -> Channel:
    return Channel(name, LayerVersionArn.parse(f"arn:aws:lambda:{region}:000000000000:layer:{layer}:{number}"))


def test_what_was_put_is_there_and_what_was_deleted_is_gone(make: Make) -> None:
    register = make("us-east-1")
    assert register.channels() == []
    register.put([channel("stable", 7), channel("next", 12), channel("a.b", 1, "other")])
    register.put([channel("stable", 8)])
    assert sorted(register.channels()) == [channel("a.b", 1, "other"), channel("next", 12), channel("stable", 8)]
    register.delete([channel("next", 12), channel("never", 1)])
    assert sorted(register.channels()) == [channel("a.b", 1, "other"), channel("stable", 8)]


def test_regions_are_apart(make: Make) -> None:
    there = channel("stable", 3, region="eu-central-1")
    make("us-east-1").put([channel("stable", 7)])
    make("eu-central-1").put([there])
    assert make("eu-central-1").channels() == [there]
    make("us-east-1").delete([channel("stable", 7)])
    assert (make("us-east-1").channels(), make("eu-central-1").channels()) == ([], [there])


def test_more_channels_than_a_page_holds(make: Make) -> None:
    many = [channel("stable", number, f"layer-{number}") for number in range(1, 13)]
    make("us-east-1").put(many)
    assert sorted(make("us-east-1").channels()) == sorted(many)


def test_the_file_is_for_people_too_who_keep_their_words_at_its_head(tmp_path: Path) -> None:
    path = tmp_path / "lamina-channels.toml"
    register = ChannelsFile(path, "us-east-1")
    register.put([channel("stable", 7), channel("v1.x", 9)])
    assert path.read_text().splitlines()[1:] == [
        "format = 1",
        "",
        "[us-east-1.shared]",
        'stable = "arn:aws:lambda:us-east-1:000000000000:layer:shared:7"',
        '"v1.x" = "arn:aws:lambda:us-east-1:000000000000:layer:shared:9"',
    ]
    path.write_text("# Ask Ann before you move stable.\n\n" + path.read_text().partition("\n")[2])
    path.chmod(0o640)
    register.put([channel("stable", 8)])
    assert path.read_text().startswith("# Ask Ann before you move stable.\n\nformat = 1\n")
    assert (path.stat().st_mode & 0o777, [each.name for each in tmp_path.iterdir()]) == (0o640, [path.name])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has not `format = 1`"),
        ("format = 2", "has not `format = 1`"),
        ("format = 1\nx = ", "cannot be read"),
        ("format = 1\nus-east-1 = 3", "us-east-1 is no table"),
        ("format = 1\n[us-east-1.shared]\nstable = 7", "stable holds 7"),
        ('format = 1\n[us-east-1.shared]\nstable = "shared:7"', "not the ARN of a layer version"),
        (
            'format = 1\n[us-east-1.shared]\nstable = "arn:aws:lambda:us-east-1:000000000000:layer:other:7"',
            "[us-east-1.shared] names arn:aws:lambda:us-east-1:000000000000:layer:other:7",
        ),
    ],
)
def test_a_file_that_says_something_else_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "lamina-channels.toml"
    path.write_text(text)
    with pytest.raises(WorkshopError, match=re.escape(says)):
        ChannelsFile(path, "us-east-1").channels()


def test_a_parameter_that_is_no_channel_is_told_by_its_name(make: Make) -> None:
    register = make("us-east-1")
    if isinstance(register, Parameters):
        client = register.endpoint.client("ssm", region="us-east-1")
        client.put_parameter(Name="/lamina/channels/shared/stable", Value="7", Type="String")
        client.close()
        with pytest.raises(WorkshopError, match="/lamina/channels/shared/stable holds '7'"):
            register.channels()


def test_the_file_is_found_from_below(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert find(tmp_path / "a" / "b") is None
    (tmp_path / "lamina-channels.toml").write_text("format = 1\n")
    assert find(tmp_path / "a" / "b") == tmp_path / "lamina-channels.toml"
