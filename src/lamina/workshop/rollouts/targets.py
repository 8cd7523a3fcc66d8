"""One target's steps, carried out: each call between its Intended and its Did or Refused.

What to do is decided in `lamina.rollouts`; here is what comes of asking for it. The difference that matters is between
a call that was refused and one of which nobody knows: the second appends nothing, so that the next look decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from lamina.names import LATEST
from lamina.rollouts import configurations
from lamina.rollouts.deciding import next_step
from lamina.rollouts.journal import (
    Act,
    DeleteVersion,
    Did,
    Intended,
    Moment,
    PublishVersion,
    Record,
    Refusal,
    RouteAlias,
    Sampled,
    SetLayers,
    Trouble,
    Troubled,
)
from lamina.rollouts.journal import Refused as RefusedRecord
from lamina.rollouts.plans import Plan, Target
from lamina.rollouts.progress import Life
from lamina.rollouts.steps import Do, Goal, Look, Seen, Step, Try, Wait, Write
from lamina.workshop.rollouts.functions import Busy, ChangedMeanwhile, Functions, Gone, Pause, Refused, failure
from lamina.workshop.rollouts.trying import Trier

# However often others change a function meanwhile, or keep it busy: some day a person has to look.
_REFUSALS_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Means:
    """What a target's steps are carried out with. `append` returns once the records are on the disk."""

    functions: Functions
    trier: Trier
    append: Callable[..., None]
    life: Callable[[str], Life]
    now_ms: Callable[[], int]
    pause: Pause


class Hand:
    """Brings one target to one goal after the other. *seen* is good enough to begin with, None where it may not be."""

    def __init__(self, plan: Plan, target: Target, means: Means, seen: Seen | None) -> None:
        self._plan, self._target, self._means, self._seen = plan, target, means, seen
        self._functions = means.functions
        self._refusals = 0
        self._active: set[str] = set()

    def reach(self, goal: Goal) -> None:
        """Carry out step after step until nothing is left on the way to *goal*. Raises WorkshopError."""
        means = self._means
        while True:
            # Where the whole is to stop, it stops here: between two steps nothing is half done.
            means.pause(0)
            life = means.life(self._target.function)
            step = next_step(self._plan, self._target, life, self._seen, goal, means.now_ms())
            if step is None:
                return
            self._carry_out(step)

    def _carry_out(self, step: Step) -> None:
        match step:
            case Look(versions=versions):
                self._seen = self._look(versions=versions)
            case Wait():
                self._wait()
            case Do(act=act):
                self._do(act)
            case Try(moment=moment):
                self._try(moment)
            case Write(records=records):
                self._append(*records)

    def _look(self, *, versions: bool) -> Seen:
        try:
            answer = self._functions.configuration(self._name)
            listed = tuple(self._functions.versions(self._name)) if versions else None
        except Gone:
            return Seen(None, None)
        published = None
        if listed is not None:
            numbered = [one for one in listed if one["Version"] != LATEST]
            numbered.sort(key=lambda one: int(one["Version"]))
            published = tuple(configurations.consumer(self._target.place, one) for one in numbered)
        alias = None
        if self._target.alias is not None:
            try:
                alias = configurations.alias(self._functions.alias(self._name, self._target.alias.name))
            except Gone:
                pass
        return Seen(configurations.consumer(self._target.place, answer), alias, published)

    def _wait(self) -> None:
        assert self._seen is not None
        try:
            answer = self._functions.settled(self._name, self._means.pause)
        except Gone:
            self._seen = Seen(None, None)
            return
        self._seen = replace(self._seen, latest=configurations.consumer(self._target.place, answer))

    def _try(self, moment: Moment) -> None:
        try:
            sample = self._means.trier.sample(self._target, moment)
        except Gone:
            self._seen = None
            return
        if sample.error is not None:
            # Before the layers are blamed it is looked whether somebody else changed the function.
            self._seen = None
        self._append(Sampled(self._now, self._name, moment, sample))

    def _do(self, act: Act) -> None:
        if isinstance(act, RouteAlias) and (why := self._not_active(act)) is not None:
            self._append(Troubled(self._now, self._name, Trouble.FAILED, why))
            return
        self._append(Intended(self._now, self._name, act))
        seen, self._seen = self._seen, None
        assert seen is not None
        try:
            did, self._seen = self._ask(act, seen)
        except Gone as error:
            self._refused(Refusal.GONE, error)
        except ChangedMeanwhile as error:
            self._refused(Refusal.CHANGED, error)
        except Busy as error:
            # A version that somebody needs stays; anything else is only being updated, and can be waited for.
            self._refused(Refusal.IN_USE if isinstance(act, DeleteVersion) else Refusal.CHANGED, error)
        except Refused as error:
            self._refused(Refusal.INVALID, error)
        else:
            self._append(did)

    def _refused(self, refusal: Refusal, error: Exception) -> None:
        self._refusals += 1
        if refusal is Refusal.CHANGED and self._refusals > _REFUSALS_MAX:
            refusal = Refusal.INVALID
        self._append(RefusedRecord(self._now, self._name, refusal, str(error)))

    def _ask(self, act: Act, seen: Seen) -> tuple[Did, Seen]:
        """Make the call. What it changed and does not tell, a revision say, is found out when the next is refused."""
        functions, name = self._functions, self._name
        match act:
            case SetLayers(layers=layers, revision_id=revision):
                answer = functions.set_layers(name, layers, revision or None)
                latest = configurations.consumer(self._target.place, answer)
                return Did(self._now, name), replace(seen, latest=latest)
            case PublishVersion(revision_id=revision, code_sha256=sha256, description=description):
                answer = functions.publish(name, revision or None, sha256, description)
                version = str(answer["Version"])
                # The same as before is not published again, and keeps its words.
                return Did(self._now, name, version, ours=answer.get("Description") == description), seen
            case RouteAlias(alias=alias, routing=routing, revision_id=revision):
                answer = functions.route(name, alias, routing.version, routing.weights, revision or None)
                return Did(self._now, name), replace(seen, alias=configurations.alias(answer))
            case DeleteVersion(version=version):
                functions.delete_version(name, version)
                return Did(self._now, name), seen

    def _not_active(self, act: RouteAlias) -> str | None:
        """Why callers may not be sent to a version that *act* names; waits for those that are still made ready."""
        assert self._target.alias is not None
        for version in act.routing.versions:
            if version == LATEST or version in self._active or version in self._target.alias.routing.versions:
                continue
            try:
                why = failure(self._functions.settled(self._name, self._means.pause, version))
            except Gone:
                why = "somebody deleted it"
            if why:
                return f"version {version} cannot be called: {why}"
            self._active.add(version)
        return None

    def _append(self, *records: Record) -> None:
        self._means.append(*records)

    @property
    def _name(self) -> str:
        # In full: with the credentials of another account it is refused, where a bare name would find another function.
        return self._target.function

    @property
    def _now(self) -> int:
        return self._means.now_ms()
