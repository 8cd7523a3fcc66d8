"""The steps of an update, at an API that interferes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from lamina.names import Digest
from lamina.workshop.endpoint import EndpointError
from lamina.workshop.rollouts.functions import ChangedMeanwhile, Functions, Gone, NotEffective
from lamina.workshop.rollouts.updating import Change, update

OLD, NEW = b"old", b"new"
SHARED = ("arn:shared:1",), ("arn:shared:2",)
TOO_LARGE = EndpointError("too large", api_code="InvalidParameterValueException")


class OneFunction:
    """An API with one function. `before_call` is called with each change's name; it may raise, or change things."""

    def __init__(self, before_call: Callable[[OneFunction, str], None] = lambda _api, _name: None) -> None:
        self.code, self.revision = OLD, 1
        self.layers: tuple[str, ...] = SHARED[0]
        self.versions: list[tuple[bytes, tuple[str, ...]]] = [(OLD, SHARED[0])]
        self.live = {"FunctionVersion": "1", "RevisionId": "a"}
        self.before_call = before_call
        self.calls: list[str] = []

    def _told(self, code: bytes, layers: tuple[str, ...], version: str) -> dict[str, Any]:
        return {
            "CodeSha256": Digest.of(code).base64,
            "Layers": [{"Arn": arn} for arn in layers],
            "RevisionId": str(self.revision),
            "Version": version,
        }

    def _guard(self, call: str, revision: str | None) -> None:
        self.calls.append(call)
        self.before_call(self, call)
        if revision != str(self.revision):
            raise ChangedMeanwhile("another revision")
        self.revision += 1

    def effective(self, _name: str, _pause: object, qualifier: str | None = None) -> dict[str, Any]:
        if qualifier is not None:
            return self._told(*self.versions[int(qualifier) - 1], qualifier)
        return self._told(self.code, self.layers, "$LATEST")

    def settled(self, name: str, pause: object) -> dict[str, Any]:
        return self.effective(name, pause)

    def set_layers(self, _name: str, layers: tuple[str, ...], revision: str | None) -> None:
        self._guard(f"layers {len(layers)}", revision)
        self.layers = layers

    def set_code(self, _name: str, archive: bytes, revision: str | None) -> None:
        self._guard("code", revision)
        self.code = archive

    def publish(self, _name: str, revision: str | None, _sha256: str, _description: None) -> dict[str, Any]:
        self._guard("publish", revision)
        if self.versions[-1] != (self.code, self.layers):
            self.versions.append((self.code, self.layers))
        return self._told(self.code, self.layers, str(len(self.versions)))

    def alias(self, _name: str, alias: str) -> dict[str, Any]:
        if alias != "live":
            raise Gone("no such alias")
        return dict(self.live)

    def route(self, _name: str, _alias: str, version: str, _weights: object, revision: str) -> None:
        self.calls.append("route")
        self.before_call(self, "route")
        if revision != self.live["RevisionId"]:
            raise ChangedMeanwhile("another revision")
        self.live = {"FunctionVersion": version, "RevisionId": revision + "'"}

    def updated(self, change: Change) -> Any:
        return update(cast(Functions, self), "f", change, lambda _seconds: None, lambda _saying: None)


BOTH = Change(NEW, SHARED[1], publish=True, alias="live")


def test_the_version_is_made_once_both_are_there_and_the_alias_moves_last() -> None:
    api = OneFunction()
    assert api.updated(BOTH).version == "2"
    assert api.calls == ["layers 1", "code", "publish", "route"]
    assert (api.versions[-1], api.live["FunctionVersion"]) == ((NEW, SHARED[1]), "2")


def test_what_fits_only_together_goes_without_layers_in_between() -> None:
    def too_large(api: OneFunction, call: str) -> None:
        if call == "layers 1" and api.code == OLD:
            raise TOO_LARGE

    api = OneFunction(too_large)
    assert api.updated(BOTH).version == "2"
    assert api.calls == ["layers 1", "layers 0", "code", "layers 1", "publish", "route"]


@pytest.mark.parametrize("fits_before", [True, False])
def test_refused_code_leaves_the_layers_that_there_were(fits_before: bool) -> None:
    def too_large(api: OneFunction, call: str) -> None:
        if call == "code" or (call == "layers 1" and not fits_before and api.calls.count("layers 1") == 1):
            raise TOO_LARGE

    api = OneFunction(too_large)
    with pytest.raises(EndpointError, match="too large"):
        api.updated(BOTH)
    assert (api.code, api.layers, api.live["FunctionVersion"]) == (OLD, SHARED[0], "1")


@pytest.mark.parametrize("at", ["layers 1", "code"])
def test_what_somebody_else_does_meanwhile_survives(at: str) -> None:
    def interfere(api: OneFunction, call: str) -> None:
        if call == at:
            api.layers, api.revision = ("arn:theirs:1",), api.revision + 1

    api = OneFunction(interfere)
    with pytest.raises(ChangedMeanwhile, match="somebody else changed f meanwhile"):
        api.updated(BOTH)
    assert api.live["FunctionVersion"] == "1"
    assert ("publish" in api.calls) is False


@pytest.mark.parametrize("lost", ["layers 1", "code", "publish", "route"])
def test_a_call_whose_answer_was_lost_and_that_was_sent_again_is_no_change_by_others(lost: str) -> None:
    def send_twice(api: OneFunction, call: str) -> None:
        if call != lost or api.calls.count(call) > 1:
            return
        if call == "layers 1":
            api.set_layers("f", SHARED[1], str(api.revision))
        elif call == "code":
            api.set_code("f", NEW, str(api.revision))
        elif call == "publish":
            api.publish("f", str(api.revision), "", None)
        else:
            api.route("f", "live", "2", {}, api.live["RevisionId"])

    api = OneFunction(send_twice)
    assert api.updated(BOTH).version == "2"
    assert (api.versions, api.live["FunctionVersion"]) == ([(OLD, SHARED[0]), (NEW, SHARED[1])], "2")


def test_layers_that_never_take_effect_are_put_back() -> None:
    failing = NotEffective("the update of f failed: no room")

    class Failing(OneFunction):
        def effective(self, name: str, pause: object, qualifier: str | None = None) -> dict[str, Any]:
            if self.layers == SHARED[1]:
                raise failing
            return super().effective(name, pause, qualifier)

        def settled(self, name: str, pause: object) -> dict[str, Any]:
            return super().effective(name, pause)

    api = Failing()
    with pytest.raises(NotEffective, match="no room"):
        api.updated(BOTH)
    assert (api.code, api.layers, api.calls) == (OLD, SHARED[0], ["layers 1", "layers 1"])


def test_an_alias_that_somebody_is_shifting_is_left_alone() -> None:
    api = OneFunction()
    api.live["RoutingConfig"] = {"AdditionalVersionWeights": {"3": 0.1}}  # type: ignore[assignment]  # as the API has it
    with pytest.raises(Exception, match="between versions 1 and 3"):
        api.updated(BOTH)
    assert api.calls == []
