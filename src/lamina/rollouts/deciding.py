"""What is to be done next for one target: from its plan, its journal and what was last seen of it.

Nothing is done that was not decided on something seen, and each call is guarded by the revision that was seen. So it
makes no difference where a crash happened: an intention whose end nobody wrote down either shows its effect, and then
it is done, or it does not, and then it is tried again. What somebody else did shows as a state that is neither the one
before nor the one after; it is left alone and told of.
"""

from __future__ import annotations

from lamina.names import LATEST
from lamina.rollouts.consumers import CODE_MEMBERS, Alias, Consumer, Routing, changed_members
from lamina.rollouts.journal import (
    Act,
    DeleteVersion,
    Did,
    Moment,
    Noted,
    Passed,
    PublishVersion,
    PutBack,
    RouteAlias,
    SetLayers,
    Trouble,
    Troubled,
)
from lamina.rollouts.plans import Options, Plan, Target
from lamina.rollouts.progress import Life, routing_at
from lamina.rollouts.steps import Apply, Do, Goal, Look, Restore, Seen, Shift, Step, Try, Wait, Write
from lamina.rollouts.verdicts import sample_verdict

_DESCRIPTION_MAX = 256


def first_seen(target: Target) -> Seen:
    """What the plan saw of *target*: good to begin with, for a call on something older is refused by its revision."""
    latest = Consumer(
        target.place,
        target.function,
        LATEST,
        target.layers_before,
        target.runtime,
        target.architectures,
        target.description,
        target.code_sha256,
        target.revision_id,
        target.members,
    )
    return Seen(latest, target.alias)


def reached(plan: Plan, target: Target, life: Life, goal: Goal) -> bool:
    """Whether nothing is left to do for *target* on the way to *goal*: it is there, or goes no further."""
    if isinstance(goal, Restore):
        return life.put_back or life.touched_ms is None
    if life.trouble is not None:
        return True
    if isinstance(goal, Shift):
        return life.shift >= goal.step or (target.alias is not None and life.version == target.alias.routing.version)
    return life.passed and (life.version is not None or not plan.options.publish)


def next_step(plan: Plan, target: Target, life: Life, seen: Seen | None, goal: Goal, now_ms: int) -> Step | None:
    """The next step of *target* towards *goal*; None once it is `reached`. *seen* is None where nobody has looked."""
    if reached(plan, target, life, goal):
        return None
    publishing = isinstance(life.pending, PublishVersion)
    if seen is None or (publishing and seen.versions is None and seen.latest is not None):
        return Look(versions=publishing)
    if seen.latest is not None and seen.latest.settling:
        return Wait()
    if life.pending is not None and (did := _found(plan, target, life.pending, seen, now_ms)) is not None:
        return Write((did,))
    if isinstance(goal, Restore):
        return _back(plan, target, life, seen, now_ms)
    if (trouble := _trouble(plan, target, life, seen)) is not None:
        return Write((Troubled(now_ms, target.function, *trouble),))
    assert seen.latest is not None
    if isinstance(goal, Apply):
        return _forward(plan, target, life, seen.latest, now_ms)
    return _shifted(plan.options, target, life, seen, goal)


def description(plan: Plan, target: Target) -> str:
    """What a version that the roll-out publishes is described by: what $LATEST says, and whose it is."""
    mark = f"[roll-out {plan.id}]"
    kept = target.description[: _DESCRIPTION_MAX - len(mark) - 1]
    return f"{kept} {mark}" if kept else mark


def _found(plan: Plan, target: Target, pending: Act, seen: Seen, now_ms: int) -> Did | None:
    """The end of *pending*, if what was *seen* shows that it had its effect."""
    # A deletion never shows: it is harmless to repeat, and a second one finds nothing. What was so all along shows
    # nothing either, but by another revision.
    done = False
    match pending:
        case SetLayers(layers=layers, revision_id=revision) if seen.latest is not None:
            there = seen.latest.layers == layers
            done = there and (layers != target.layers_before or seen.latest.revision_id != revision)
        case RouteAlias(routing=routing, revision_id=revision) if seen.alias is not None and target.alias is not None:
            there = seen.alias.routing == routing
            done = there and (routing != target.alias.routing or seen.alias.revision_id != revision)
        case PublishVersion():
            mark = description(plan, target)
            made = [version for version in seen.versions or () if version.description == mark]
            return Did(now_ms, target.function, made[-1].version, ours=True) if made else None
    return Did(now_ms, target.function) if done else None


def _trouble(plan: Plan, target: Target, life: Life, seen: Seen) -> tuple[Trouble, str] | None:
    """Why the target cannot go on, from what was seen of it."""
    if seen.latest is None:
        return Trouble.GONE, "the function is gone"
    if target.alias is not None:
        if seen.alias is None:
            return Trouble.GONE, f"the alias {target.alias.name} is gone"
        if seen.alias.routing != _routing(plan.options, target, life):
            return Trouble.CHANGED, f"somebody else moved the alias {target.alias.name}"
    if life.refused:
        return Trouble.FAILED, life.refused[-1][1]
    if life.passed and life.version is not None:
        # From here on the alias alone is moved: what becomes of $LATEST is somebody else's next version.
        return None
    if seen.latest.layers != (target.layers_after if life.moved else target.layers_before):
        return Trouble.CHANGED, "somebody else changed its layers"
    if kept_from := _changed(target, seen.latest, every=plan.options.publish):
        return Trouble.CHANGED, f"somebody else changed its {', '.join(kept_from)}"
    if life.moved and seen.latest.failure is not None:
        return Trouble.FAILED, f"the update did not take effect: {seen.latest.failure}"
    return None


def _changed(target: Target, latest: Consumer, *, every: bool) -> tuple[str, ...]:
    """The members that differ from the plan's: all of them, or those alone that decide what the layers meet.

    A published version would carry all that was changed to the callers of the alias.
    """
    changed = changed_members(target.members, latest.members)
    return changed if every else tuple(name for name in changed if name in CODE_MEMBERS)


def _forward(plan: Plan, target: Target, life: Life, latest: Consumer, now_ms: int) -> Step | None:
    verification = plan.options.verification
    # A target whose $LATEST is there already cannot be compared with what it was.
    stays = target.layers_before == target.layers_after
    if not life.moved and not stays:
        if target.event is not None and life.before is None:
            return Try(Moment.BEFORE)
        if (note := _survives(target, life, latest)) is not None:
            return Write((Noted(now_ms, target.function, note),))
        return Do(SetLayers(target.layers_after, latest.revision_id))
    if not life.passed:
        if life.after is None and (target.event is not None or verification.command is not None):
            return Try(Moment.AFTER)
        verdict = sample_verdict(verification, life.before, life.after)
        if verdict.why is not None:
            return Write((Troubled(now_ms, target.function, Trouble.FAILED, verdict.why),))
        return Write((Passed(now_ms, target.function, verdict.note),))
    return Do(PublishVersion(latest.revision_id, latest.code_sha256, description(plan, target)))


def _survives(target: Target, life: Life, latest: Consumer) -> str | None:
    """What to tell of changes by others that setting layers does not touch; None when there are none, or it is told."""
    changed = _changed(target, latest, every=True)
    note = f"somebody else changed its {', '.join(changed)} meanwhile, which stays"
    return note if changed and note not in life.notes else None


def _shifted(options: Options, target: Target, life: Life, seen: Seen, goal: Shift) -> Step:
    assert target.alias is not None
    assert seen.alias is not None
    assert life.version is not None, "nothing is published yet"
    routing = routing_at(target, life.version, options.shares[goal.step])
    return Do(RouteAlias(target.alias.name, routing, seen.alias.revision_id))


def _routing(options: Options, target: Target, life: Life) -> Routing:
    """Where the alias leads as far as the roll-out knows."""
    assert target.alias is not None
    if life.version is None or life.shift < 0:
        return target.alias.routing
    return routing_at(target, life.version, options.shares[life.shift])


def _back(plan: Plan, target: Target, life: Life, seen: Seen, now_ms: int) -> Step:
    """The alias first, so that nobody is sent to what goes; $LATEST then; what was published at the end."""
    if seen.latest is None:
        return Write((PutBack(now_ms, target.function, ("the function, which is gone",)),))
    left: list[str] = []
    for act in _ways_back(plan, target, life, seen, left):
        why = _refusal(life, act)
        if why is None:
            return Do(act)
        left.append(f"{_named(act)}: {why}")
    if seen.latest.failure is not None and life.moved:
        left.append(f"the way back did not take effect: {seen.latest.failure}")
    return Write((PutBack(now_ms, target.function, tuple(left)),))


def _ways_back(plan: Plan, target: Target, life: Life, seen: Seen, left: list[str]) -> list[Act]:
    """What is to be undone, in order; what somebody else changed goes to *left*, in words."""
    assert seen.latest is not None
    acts: list[Act] = []
    used = False
    if target.alias is not None:
        acts += _alias_back(plan.options, target, life, seen.alias, left)
        used = not acts and seen.alias is not None and life.version in seen.alias.routing.versions
    there = seen.latest.layers == target.layers_before
    if not there and seen.latest.layers != target.layers_after:
        left.append("its layers, which somebody else changed")
    elif not there or (isinstance(life.pending, SetLayers) and life.pending.revision_id == seen.latest.revision_id):
        # What was sent before a crash may still arrive; it is refused once anything has changed the revision.
        acts.append(SetLayers(target.layers_before, seen.latest.revision_id))
    if life.version is not None and life.ours and not life.deleted:
        if used:
            left.append(f"version {life.version}, to which an alias leads")
        else:
            acts.append(DeleteVersion(life.version))
    return acts


def _alias_back(options: Options, target: Target, life: Life, alias: Alias | None, left: list[str]) -> list[Act]:
    assert target.alias is not None
    before = target.alias.routing
    ours = [] if life.version is None else [routing_at(target, life.version, share) for share in options.shares]
    if alias is None:
        left.append(f"the alias {target.alias.name}, which is gone")
    elif alias.routing not in (before, *ours):
        left.append(f"the alias {target.alias.name}, which somebody else moved")
    elif alias.routing != before or (
        isinstance(life.pending, RouteAlias) and life.pending.revision_id == alias.revision_id
    ):
        return [RouteAlias(target.alias.name, before, alias.revision_id)]
    return []


def _refusal(life: Life, act: Act) -> str | None:
    """Why the API will not have *act*, whatever the revision; None when nobody knows."""
    return next((why for tried, why in life.refused if _named(tried) == _named(act)), None)


def _named(act: Act) -> str:
    match act:
        case SetLayers(layers=layers):
            return f"its layers {', '.join(layers) or 'none'}"
        case RouteAlias(alias=alias, routing=routing):
            return f"the alias {alias} to {', '.join(routing.versions)}"
        case DeleteVersion(version=version):
            return f"version {version}"
        case PublishVersion():
            return "a version to publish"
