"""Layer versions of elsewhere under their own ARNs."""

from __future__ import annotations

from typing import Any

import pytest

from lamina.errors import ApiError
from lamina.layers.archive import ArchiveUnreadable
from lamina.names import Digest, LayerVersionArn, Scope

from .house import HERE, House, zipped

THEIRS = Scope("210987654321", "eu-west-1")
ARN = f"{THEIRS.arn('layer:tools')}:41"
DATA = zipped(python="theirs")


def mirror(house: House, arn: str = ARN, data: bytes = DATA, **attributes: Any) -> bool:
    return house.mirroring.mirror(LayerVersionArn.parse(arn), data, attributes)


def test_any_account_reads_and_attaches_it_by_the_arn_it_has_there(house: House) -> None:
    said: dict[str, Any] = {
        "CreatedDate": "2020-01-02T03:04:05.678+0000",
        "Description": "d",
        "CompatibleRuntimes": ["python3.12"],
        "CompatibleArchitectures": ["arm64"],
        "LicenseInfo": "MIT",
    }
    assert mirror(house, **said)
    shown = house.call("GetLayerVersionByArn", Arn=ARN)
    assert {name: shown[name] for name in said} == said
    assert (shown["LayerVersionArn"], shown["Version"]) == (ARN, 41)
    assert shown["Content"]["CodeSha256"] == Digest.of(DATA).base64
    assert [layer["Arn"] for layer in house.function("f", Layers=[ARN])["Layers"]] == [ARN]


def test_of_what_nobody_said_nothing_is_made_up(house: House) -> None:
    mirror(house)
    shown = house.call("GetLayerVersionByArn", Arn=ARN)
    assert {"CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo"}.isdisjoint(shown)
    assert (shown["Description"], shown["CreatedDate"]) == ("", "2026-01-02T03:04:05.678+0000")


def test_numbers_may_have_holes_and_what_their_account_publishes_here_comes_after_the_highest(house: House) -> None:
    assert mirror(house)
    assert mirror(house, ARN.replace(":41", ":7"), zipped(python="older"))
    own = house.call("PublishLayerVersion", scope=THEIRS, LayerName="tools", Content={"ZipFile": DATA})
    assert own["Version"] == 42
    listed = house.call("ListLayerVersions", scope=THEIRS, LayerName="tools")["LayerVersions"]
    assert [version["Version"] for version in listed] == [42, 41, 7]
    assert house.call("ListLayers")["Layers"] == [], "it is no layer of the account that uses it"


def test_the_same_again_changes_nothing_not_even_who_may_have_it(house: House) -> None:
    mirror(house, Description="first")
    house.call(
        "RemoveLayerVersionPermission",
        scope=THEIRS,
        LayerName="tools",
        VersionNumber=41,
        StatementId="lamina-mirror",
    )
    assert not mirror(house, Description="second")
    assert house.call("GetLayerVersion", scope=THEIRS, LayerName="tools", VersionNumber=41)["Description"] == "first"
    with pytest.raises(ApiError, match="not authorized"):
        house.call("GetLayerVersionByArn", Arn=ARN)


def test_other_bytes_under_an_arn_that_is_taken_are_refused_and_not_kept(house: House) -> None:
    mirror(house)
    other = zipped(python="other")
    with pytest.raises(ApiError, match="is here already and is another archive") as refused:
        mirror(house, data=other)
    assert (refused.value.code, refused.value.status) == ("ResourceConflictException", 409)
    assert list(house.blobs.digests()) == [Digest.of(DATA)]
    assert house.call("GetLayerVersionByArn", Arn=ARN)["Content"]["CodeSha256"] == Digest.of(DATA).base64


def test_it_may_be_what_this_accounts_own_layer_is_elsewhere(house: House) -> None:
    own = LayerVersionArn.parse(house.layer("own", "x"))
    assert not mirror(house, str(own), zipped(file="x"))
    assert mirror(house, str(own.layer.version(9)))
    assert house.layer("own", "y").endswith(":10")


def test_each_region_has_its_own(house: House) -> None:
    tokyo = Scope(THEIRS.account, "ap-northeast-1")
    arn = f"{tokyo.arn('layer:tools')}:41"
    mirror(house, arn)
    with pytest.raises(ApiError, match="not authorized"):
        house.call("GetLayerVersionByArn", Arn=arn)
    there = Scope(HERE.account, "ap-northeast-1")
    assert house.call("GetLayerVersionByArn", scope=there, Arn=arn)["LayerVersionArn"] == arn


@pytest.mark.parametrize("number", [0, 2**63 - 1, 10**30])
def test_a_number_that_no_version_can_have_is_refused(house: House, number: int) -> None:
    with pytest.raises(ApiError):
        mirror(house, ARN.replace(":41", f":{number}"))
    assert list(house.blobs.digests()) == []


def test_what_could_not_be_published_cannot_be_mirrored(house: House) -> None:
    with pytest.raises(ApiError, match="Could not unzip") as refused:
        mirror(house, data=b"no archive")
    assert isinstance(refused.value.__cause__, ArchiveUnreadable)
