"""`lamina rollout forget` as a person types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamina.rollouts.journal import Began, Ended, Outcome, Way
from lamina.rollouts.plans import Move, OnFailure, Options, Plan, Verification
from lamina.workshop.rollouts.stored import Rollouts
from tests.support.command_line import Run

pytestmark = pytest.mark.anybody


def test_a_roll_out_that_is_over_is_forgotten_and_an_interrupted_one_only_if_one_says_so(tmp_path: Path) -> None:
    lamina = Run(tmp_path)
    lamina.environ["XDG_STATE_HOME"] = str(tmp_path)
    rollouts = Rollouts.of_the_user(lamina.environ)
    layer = "arn:aws:lambda:eu-west-1:000000000000:layer:base"
    options = Options(False, None, (), 0, Verification({}), 0, OnFailure.STOP, 4)
    for id_ in ("base-2", "base-3"):
        rollouts.add(Plan(id_, 5, "http://127.0.0.1:4566", (Move(layer, (1,), 2),), options, (), ()))
        with rollouts.journal(id_) as journal:
            journal.append(Began(1, "apply", Way.FORWARD))
    with rollouts.journal("base-2") as journal:
        journal.append(Ended(2, Outcome.DONE, ""))
    refused = lamina("rollout", "forget", "base-2", "base-3")
    assert (refused.returncode, rollouts.ids()) == (1, ["base-2", "base-3"])
    assert "base-3 was interrupted" in refused.stderr
    done = lamina("rollout", "forget", "base-2")
    assert (done.returncode, done.stdout, rollouts.ids()) == (0, "base-2 is forgotten\n", ["base-3"]), done.stderr
    assert lamina("rollout", "forget", "base-3", "--unfinished").returncode == 0
    assert lamina("rollout", "forget", "base-3").returncode == 1
    assert rollouts.ids() == []
