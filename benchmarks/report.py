"""A run in words: for the terminal, for docs/BENCHMARKS.md and for a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.machine import Machine
from benchmarks.promises import Verdict, verdicts
from benchmarks.samples import Row, Sample

_KEPT = {True: "kept", False: "**not kept**", None: "not measured"}
# Of what has been said when something failed; the rest is for the terminal.
_REASON_CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True)
class Run:
    """What was measured where; *absent* says by name why somebody took no part, *quick* that it says little."""

    machine: Machine
    absent: Mapping[str, str]
    quick: bool
    rows: tuple[Row, ...]

    def to_json(self) -> dict[str, Any]:
        """Everything there is, for a file."""
        return {
            "machine": self.machine.to_json(),
            "absent": dict(self.absent),
            "quick": self.quick,
            "rows": [row.to_json() for row in self.rows],
        }


def number(value: float) -> str:
    """*value* with three digits that count, or all those before the point: 0.123, 12.3, 1,234."""
    if value == 0:
        return "0"
    decimals = max(0, 3 - (len(str(int(abs(value)))) if abs(value) >= 1 else 0))
    return f"{value:,.{decimals}f}"


def row_text(row: Row) -> str:
    """One row for the terminal."""
    if row.skipped is not None:
        return f"{row.name:26} {row.skipped}"
    lines = []
    for sample in row.samples.values():
        times = f"least {number(sample.least)}, 99 % {number(sample.percentile(99))}, {len(sample.values)} times"
        several = f"({times})" if len(sample.values) > 1 else ""
        lines.append(f"{row.name:26} {sample.name:28} {number(sample.median):>8} {sample.unit:3} {several}".rstrip())
    return "\n".join(lines)


def promises_text(run: Run) -> str:
    """Every promise that this run says something of, for the terminal."""
    told = [verdict for verdict in verdicts(run.rows) if verdict.value is not None]
    lines = [f"{verdict.promise.thing:52} {verdict.promise.bound:44} {_told(verdict)}" for verdict in told]
    if run.quick:
        lines.append("A quick run: fewer rounds and smaller numbers, from which nothing can be concluded.")
    return "\n".join(["", *lines])


def page(run: Run) -> str:
    """docs/BENCHMARKS.md."""
    return "\n".join([*_head(run), *_promises(run), *_details(run), *_how()]) + "\n"


def _head(run: Run) -> Iterator[str]:
    machine = run.machine
    yield "# How fast it is"
    yield ""
    yield "Written by `.venv/bin/python -m benchmarks --write-docs`; change nothing here by hand."
    yield ""
    yield "![Cold starts and warm calls of Lamina, AWS's emulator and MiniStack](benchmarks.svg)"
    yield ""
    if run.quick:
        yield "**A quick run, with fewer rounds and smaller numbers. It shows that measuring works, and no more.**"
        yield ""
    yield (
        f"{machine.processor}, {machine.processors} processors, {machine.memory_gb} GB, {machine.file_system}; "
        f"{machine.distribution}, Linux {machine.kernel}; the server on Python {machine.server_python} as "
        f"{machine.user}, functions on {machine.runtime}. {machine.day}, commit {machine.commit}, "
        f"load {machine.load[0]} before and {machine.load[-1]} after."
    )
    yield ""
    for name, why in run.absent.items():
        yield f"{name} took no part: {_brief(why)}"
        yield ""


def _promises(run: Run) -> Iterator[str]:
    yield "## Promises"
    yield ""
    yield "| what | promised | measured | |"
    yield "| --- | --- | ---: | --- |"
    for verdict in verdicts(run.rows):
        kept = _KEPT[verdict.kept] if verdict.value is not None else f"{_KEPT[None]}: {_brief(verdict.why)}"
        measured = "" if verdict.value is None else _value(verdict)
        yield f"| {verdict.promise.thing} | {verdict.promise.bound} | {measured} | {kept} |"
    yield ""


def _details(run: Run) -> Iterator[str]:
    yield "## Everything that was measured"
    yield ""
    yield "| row | of | median | least | 99th percentile | times |"
    yield "| --- | --- | ---: | ---: | ---: | ---: |"
    for row in run.rows:
        if row.skipped is not None:
            yield f"| {row.name} | {_brief(row.skipped)} | | | | |"
        for sample in row.samples.values():
            yield f"| {row.name} | {sample.name} | {_figures(sample)} |"
    yield ""
    for row in run.rows:
        for note in row.notes:
            yield f"- {row.name}: {note}"
    yield ""


def _how() -> Iterator[str]:
    yield """\
## How it is measured

- Whole requests over HTTP, by a plain client in a process of its own that keeps its connections. Subjects take turns
  within one run, so that what else the machine does slows all of them.
- RIE is AWS's Runtime Interface Emulator with AWS's own client, `awslambdaric`. It has no API, isolates nothing and
  takes one call at a time. Its cold start is its first call: it is listening before that, but has started nothing.
- MiniStack runs functions as child processes of its own, unsandboxed; what it keeps is in memory. Each of its cold
  starts is the first call of a new function.
- All three run functions on the same interpreter, with the same layers; where no function runs, MiniStack itself runs
  on the interpreter that Lamina's server runs on. *Sources alone* is a layer as pip unpacks its
  wheels; Lamina has made byte-code of it by then. *With byte-code* is one whose archive brings unchecked-hash files.
- A function counts its calls: a cold start that was none fails the run.
- The loop of `aws` commands is kinder than the one that circulates, which reads every function by a command of its own:
  it asks the listing, compares whole ARNs, keeps the order, and waits for each update.
- Memory is PSS, each shared page counted by the share of those who map it."""


def _told(verdict: Verdict) -> str:
    return f"{_value(verdict):>10}  {_KEPT[verdict.kept].strip('*')}"


def _value(verdict: Verdict) -> str:
    assert verdict.value is not None
    return f"{number(verdict.value)} {verdict.promise.unit}"


def _figures(sample: Sample) -> str:
    unit = f" {sample.unit}"
    if len(sample.values) == 1:
        return f"{number(sample.median)}{unit} | | | 1"
    figures = (sample.median, sample.least, sample.percentile(99))
    return f"{' | '.join(number(figure) + unit for figure in figures)} | {len(sample.values):,}"


def _brief(text: str) -> str:
    line = " ".join(text.split()).replace("|", "\\|")
    return line if len(line) <= _REASON_CHARACTERS_MAX else line[:_REASON_CHARACTERS_MAX] + "…"
