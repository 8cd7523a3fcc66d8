"""What is to be done next for the whole roll-out: wave by wave, in each wave step by step, all of it together."""

from __future__ import annotations

from lamina.rollouts.deciding import reached
from lamina.rollouts.journal import Baking, Ended, Outcome, Trouble, Turned
from lamina.rollouts.plans import OnFailure, Options, Target
from lamina.rollouts.progress import Progress
from lamina.rollouts.steps import Apply, Bake, Goal, Over, Restore, Shift, Stage, Work, Write


def next_stage(progress: Progress, now_ms: int) -> Stage:
    """What is to be done now. Ask again after every target of a Work: one that failed may have changed the answer."""
    if progress.ended is not None:
        return Over(progress.ended.outcome, progress.ended.why)
    if progress.turned is not None:
        return _turned(progress, progress.turned, now_ms)
    failed: list[Target] = []
    for number in range(len(progress.plan.waves)):
        targets = progress.plan.wave(number)
        failed += [target for target in targets if progress.life(target.function).trouble is Trouble.FAILED]
        if len(failed) > progress.plan.options.failures_max:
            return _too_many(progress, number, failed, now_ms)
        if (stage := _wave(progress, number, targets, now_ms)) is not None:
            return stage
    return Write((Ended(now_ms, Outcome.DONE, ""),))


def _turned(progress: Progress, turned: Turned, now_ms: int) -> Stage:
    plan = progress.plan
    targets = plan.targets if turned.wave is None else plan.wave(turned.wave)
    if back := _open(progress, targets, Restore()):
        return Work(turned.wave or 0, Restore(), back)
    outcome = Outcome.ROLLED_BACK if turned.wave is None else Outcome.STOPPED
    return Write((Ended(now_ms, outcome, turned.why),))


def _wave(progress: Progress, number: int, targets: tuple[Target, ...], now_ms: int) -> Stage | None:
    """What is left to do in a wave; None when it is through."""
    options = progress.plan.options
    goals: list[Goal] = [Apply(), *(Shift(step) for step in range(len(options.shares)))]
    for goal in goals:
        if functions := _open(progress, targets, goal):
            return Work(number, goal, functions)
        if functions := _troubled(progress, targets):
            return Work(number, Restore(), functions)
        step = goal.step if isinstance(goal, Shift) else 0
        if _bakes(options, goal) and (number, step) not in progress.baked:
            return _bake(progress, number, step, now_ms)
    return None


def _too_many(progress: Progress, number: int, failed: list[Target], now_ms: int) -> Stage:
    one = failed[0]
    more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
    why = f"{one.name}{more} failed: {progress.life(one.function).why}"
    match progress.plan.options.on_failure:
        case OnFailure.STOP:
            return Write((Ended(now_ms, Outcome.STOPPED, why),))
        case OnFailure.WAVE:
            return Write((Turned(now_ms, number, why),))
        case OnFailure.ALL:
            return Write((Turned(now_ms, None, why),))


def _open(progress: Progress, targets: tuple[Target, ...], goal: Goal) -> tuple[str, ...]:
    plan = progress.plan
    return tuple(
        target.function for target in targets if not reached(plan, target, progress.life(target.function), goal)
    )


def _troubled(progress: Progress, targets: tuple[Target, ...]) -> tuple[str, ...]:
    """Those that go no further and are not as they were: they go back alone."""
    troubled = tuple(target for target in targets if progress.life(target.function).trouble is not None)
    return _open(progress, troubled, Restore())


def _bakes(options: Options, goal: Goal) -> bool:
    """After each step of the alias but the last, unless there is only one; without an alias after the layers."""
    if not options.bake_s:
        return False
    if isinstance(goal, Shift):
        return goal.step < len(options.shares) - 1 or len(options.shares) == 1
    return not options.shares


def _bake(progress: Progress, number: int, step: int, now_ms: int) -> Stage | None:
    since_ms = progress.baking.get((number, step))
    if since_ms is None:
        return Write((Baking(now_ms, number, step),))
    functions = (target.function for target in progress.plan.wave(number))
    well = tuple(function for function in functions if progress.life(function).trouble is None)
    return Bake(number, step, since_ms, since_ms + progress.plan.options.bake_s * 1000, well)
