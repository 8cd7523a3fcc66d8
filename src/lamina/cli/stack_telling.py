"""How deployments are told: what would change, what happens, what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.markup import escape

from lamina.cli.steps import duration

if TYPE_CHECKING:
    from lamina.workshop.deploying.deployments import Change, End, Event

_MARKS: Final = {"Add": "[green]+[/]", "Modify": "[yellow]~[/]", "Remove": "[red]-[/]"}
_REPLACED: Final = {"True": " [red](replaced)[/]", "Conditional": " [red](may be replaced)[/]"}
_STACK: Final = "AWS::CloudFormation::Stack"


def console(*, quiet: bool = False) -> Console:
    """Where progress goes: standard error."""
    return Console(stderr=True, highlight=False, soft_wrap=True, quiet=quiet)


def tell_changes(told: Console, stack: str, changes: Iterable[Change], *, is_new: bool) -> None:
    """What would become of *stack*, one line for each resource."""
    told.print(f"[bold]{escape(stack)}[/]{' (new)' if is_new else ''}")
    listed = list(changes)
    for change in listed:
        which = f": {escape(', '.join(change.properties))}" if change.properties else ""
        mark, replaced = _MARKS[change.action], _REPLACED.get(change.replacement or "", "")
        told.print(f"  {mark} {escape(change.logical_id)}  [dim]{escape(change.type)}[/]{which}{replaced}")
    if not listed:
        told.print("  outputs or tags alone")


class EventTelling:
    """Tells events as they come, one line for each that is no mere beginning."""

    def __init__(self, told: Console) -> None:
        self._told = told
        self._began: dict[str, float] = {}
        self.failures: list[str] = []

    def tell(self, events: Iterable[Event]) -> None:
        """Tell *events* until there are no more. On a terminal, what is under way is shown, too."""
        if not self._told.is_terminal:
            for event in events:
                self._one(event)
            return
        with self._told.status("…") as status:
            for event in events:
                self._one(event)
                status.update(f"{escape(event.logical_id)} {escape(event.status.lower().replace('_', ' '))} …")

    def _one(self, event: Event) -> None:
        is_stack = event.type == _STACK
        if event.status.endswith("_IN_PROGRESS"):
            self._began.setdefault(event.logical_id, event.at)
            if not is_stack:
                return
        began = self._began.get(event.logical_id, event.at) if is_stack else self._began.pop(event.logical_id, event.at)
        took = duration(event.at - began) if event.at > began else ""
        failed = event.status.endswith("_FAILED") or "ROLLBACK" in event.status
        colour = "red" if failed else "green" if event.status.endswith("_COMPLETE") else "dim"
        reason = f"  {escape(event.reason)}" if event.reason and failed else ""
        if event.status.endswith("_FAILED") and not is_stack:
            self.failures.append(f"{event.logical_id}: {event.reason or event.status}")
        status = f"[{colour}]{event.status.lower().replace('_', ' ')}[/]"
        self._told.print(f"[dim]{took:>8}[/]  {escape(event.logical_id)} {status}{reason}")


def print_outputs(end: End) -> None:
    """The stack's outputs, for a person or a script that reads lines."""
    for name, value in end.outputs.items():
        print(f"{name} = {value}")
