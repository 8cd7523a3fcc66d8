"""Plans and journals on a disk."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from lamina.rollouts.journal import Began, Ended, Noted, Outcome, Record, Way
from lamina.rollouts.plans import Move, OnFailure, Options, Plan, Verification
from lamina.workshop.errors import WorkshopError
from lamina.workshop.rollouts.stored import NotStored, Rollouts, UnderWay

LAYER = "arn:aws:lambda:eu-west-1:000000000000:layer:base"
OPTIONS = Options(False, None, (), 0, Verification({}), 0, OnFailure.STOP, 4)
BEGAN, ENDED = Began(1, "apply", Way.FORWARD), Ended(2, Outcome.DONE, "")


def plan(id_: str = "abc1") -> Plan:
    return Plan(id_, 5, "http://127.0.0.1:4566", (Move(LAYER, (1,), 2),), OPTIONS, (), ())


@pytest.fixture
def rollouts(tmp_path: Path) -> Rollouts:
    kept = Rollouts(tmp_path / "v1")
    kept.add(plan())
    return kept


def test_a_plan_comes_back_with_an_empty_journal(rollouts: Rollouts) -> None:
    assert (rollouts.plan("abc1"), rollouts.records("abc1")) == (plan(), ())
    assert [path.name for path in rollouts.folder.iterdir()] == ["abc1"]
    assert rollouts.folder.stat().st_mode & 0o777 == 0o700


def test_what_was_appended_is_there_again(rollouts: Rollouts) -> None:
    with rollouts.journal("abc1") as journal:
        journal.append(BEGAN)
        assert rollouts.records("abc1") == (BEGAN,)
        journal.append(ENDED)
    with rollouts.journal("abc1") as journal:
        assert journal.records == rollouts.records("abc1") == (BEGAN, ENDED)


def test_what_a_crash_left_of_a_line_is_cut_off(rollouts: Rollouts) -> None:
    with rollouts.journal("abc1") as journal:
        journal.append(BEGAN, ENDED)
    file = rollouts.folder / "abc1" / "journal.jsonl"
    whole = file.read_bytes()
    for cut in range(whole.index(b"\n") + 1, len(whole)):
        file.write_bytes(whole[:cut])
        assert rollouts.records("abc1") == (BEGAN,)
        with rollouts.journal("abc1") as journal:
            journal.append(ENDED)
        assert file.read_bytes() == whole


def test_a_damaged_line_is_told_and_not_skipped(rollouts: Rollouts) -> None:
    (rollouts.folder / "abc1" / "journal.jsonl").write_bytes(b'{"kind": "ended"}\n')
    with pytest.raises(NotStored, match="line 1 of the journal of abc1 is damaged"):
        rollouts.records("abc1")


def test_one_process_carries_it_out(rollouts: Rollouts) -> None:
    assert not rollouts.is_under_way("abc1")
    with rollouts.journal("abc1"):
        assert rollouts.is_under_way("abc1")
        with pytest.raises(UnderWay), rollouts.journal("abc1"):
            pass
    assert not rollouts.is_under_way("abc1")


def test_what_is_forgotten_is_gone_and_the_rest_is_left(rollouts: Rollouts) -> None:
    rollouts.add(plan("abc2"))
    with rollouts.journal("abc1") as journal:
        with pytest.raises(UnderWay):
            rollouts.forget("abc1")
        journal.append(BEGAN)
        assert rollouts.is_interrupted("abc1")
        journal.append(ENDED)
    assert not rollouts.is_interrupted("abc1")
    assert not rollouts.is_interrupted("abc2"), "it was never begun"
    rollouts.forget("abc1")
    assert [path.name for path in rollouts.folder.iterdir()] == ["abc2"]
    with pytest.raises(NotStored):
        rollouts.identify("abc1")


def test_many_threads_append_and_nothing_is_lost_or_mixed(rollouts: Rollouts) -> None:
    def notes(writer: int) -> list[Record]:
        return [Noted(number, f"f{writer}", "x" * 500) for number in range(30)]

    def write(writer: int) -> None:
        for note in notes(writer):
            journal.append(note)

    with rollouts.journal("abc1") as journal:
        writers = [threading.Thread(target=write, args=(writer,)) for writer in range(8)]
        for thread in writers:
            thread.start()
        for thread in writers:
            thread.join()
        kept = journal.records
    assert kept == rollouts.records("abc1")
    for writer in range(8):
        assert [note for note in kept if isinstance(note, Noted) and note.function == f"f{writer}"] == notes(writer)


def test_after_a_write_that_failed_nothing_is_claimed_any_more(
    rollouts: Rollouts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    with rollouts.journal("abc1") as journal:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", full)
            with pytest.raises(WorkshopError, match="No space left on device"):
                journal.append(BEGAN)
        with pytest.raises(WorkshopError, match="No space left on device"):
            journal.append(ENDED)


def test_the_beginning_of_an_id_will_do_if_it_is_one_ones(rollouts: Rollouts) -> None:
    rollouts.add(plan("abd2"))
    assert [rollouts.identify(text) for text in ("abc1", "abd", "abc")] == ["abc1", "abd2", "abc1"]
    with pytest.raises(NotStored, match="ab may be each of abc1, abd2"):
        rollouts.identify("ab")
    for text in ("", "x"):
        with pytest.raises(NotStored, match="there is no roll-out"):
            rollouts.identify(text)


def test_a_plan_of_another_time_is_not_guessed_at(rollouts: Rollouts) -> None:
    (rollouts.folder / "abc1" / "plan.json").write_text('{"format": 2}')
    with pytest.raises(NotStored, match="another version of Lamina"):
        rollouts.plan("abc1")


def test_one_that_cannot_be_read_does_not_hide_the_others(rollouts: Rollouts) -> None:
    rollouts.add(replace(plan("later"), created_ms=6))
    rollouts.add(plan("damaged"))
    (rollouts.folder / "damaged" / "plan.json").write_text("{")
    rollouts.add(plan("halved"))
    (rollouts.folder / "halved" / "journal.jsonl").write_text("{}\n")
    found, damaged = rollouts.all()
    assert [(one.id, records) for one, records in found] == [("later", ()), ("abc1", ())]
    assert [str(error).partition(":")[0] for error in damaged] == [
        "the plan of damaged is damaged, or of another version of Lamina",
        "line 1 of the journal of halved is damaged",
    ]
