"""When bytes may go: nobody names them in the catalog, and nobody holds them."""

from __future__ import annotations

import pytest

from lamina.names import Digest

from .house import CODE, House, zipped


def stored(house: House) -> set[Digest]:
    return set(house.blobs.digests()) | set(house.trees.digests())


def test_what_an_environment_still_holds_goes_when_it_lets_go(house: House) -> None:
    layer = house.layer("one", "x")
    house.function("f", Layers=[layer])
    code, attached = Digest.of(CODE), Digest.of(zipped(file="x"))
    house.reclaimer.hold([code, attached])
    house.reclaimer.hold([code])
    house.call("DeleteFunction", FunctionName="f")
    house.call("DeleteLayerVersion", LayerName="one", VersionNumber=1)
    assert stored(house) == {code, attached}
    house.reclaimer.release([code, attached])
    assert stored(house) == {code}
    house.reclaimer.release([code])
    assert stored(house) == set()


def test_who_cannot_wait_holds_nothing_while_it_is_removed(house: House) -> None:
    house.function("f")
    code = Digest.of(CODE)
    delete, held = house.trees.delete, []

    def look(digest: Digest) -> None:
        held.append(house.reclaimer.hold_nowait([digest]))
        delete(digest)

    house.trees.delete = look  # type: ignore[method-assign]
    house.call("DeleteFunction", FunctionName="f")
    assert held == [False]
    assert house.reclaimer.hold_nowait([code])


def test_who_cannot_wait_ends_no_hold_that_keeps_what_is_to_go(house: House) -> None:
    house.function("f")
    code = Digest.of(CODE)
    for _ in range(2):
        assert house.reclaimer.hold_nowait([code])
    assert house.reclaimer.release_nowait([code])
    house.call("DeleteFunction", FunctionName="f")
    assert not house.reclaimer.release_nowait([code])
    assert stored(house) == {code}
    house.reclaimer.release([code])
    assert stored(house) == set()


def test_nothing_goes_while_a_failed_commit_may_come_back(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.function("f")
    code = Digest.of(CODE)
    monkeypatch.setattr(house.catalog, "settle", lambda: False)
    house.call("DeleteFunction", FunctionName="f")
    assert stored(house) == {code}
    monkeypatch.undo()
    house.reclaimer.sweep()
    assert stored(house) == set()


def test_a_hold_that_ends_removes_nothing_that_is_still_in_use(house: House) -> None:
    house.function("f")
    with house.reclaimer.holding(Digest.of(CODE)):
        house.reclaimer.reclaim([Digest.of(CODE)])
    assert stored(house) == {Digest.of(CODE)}


def test_a_sweep_removes_what_a_killed_server_left_over_and_nothing_else(house: House) -> None:
    house.function("f", Layers=[house.layer("one", "x")])
    kept = stored(house)
    house.blobs.put(b"stored, and then the power failed")
    house.trees.prepare(Digest.of(b"extracted, and then the power failed"))
    with house.reclaimer.holding(held := house.blobs.put(b"being uploaded")):
        house.reclaimer.sweep()
        assert stored(house) == kept | {held}
    assert stored(house) == kept


def test_a_store_that_refuses_does_not_keep_the_others(house: House) -> None:
    def refuse(digest: Digest) -> None:
        raise OSError(5, "Input/output error", digest.hex)

    house.function("f")
    house.trees.delete = refuse  # type: ignore[method-assign]
    house.call("DeleteFunction", FunctionName="f")
    assert list(house.blobs.digests()) == []
