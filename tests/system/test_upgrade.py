"""What an earlier Lamina kept is there in this one, whichever it was; what a later one kept is left alone."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from lamina.catalog import migrations, schema
from tests.support import states
from tests.support.functions import archive, wait_until
from tests.support.logs import logged
from tests.support.runtimes import INSTALLED
from tests.support.server import Server
from tests.support.states import FUNCTION, RUNTIME

OLD = sorted(folder.name for folder in states.KEPT.iterdir())


def lamina(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lamina", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def revision_of(state: Path) -> str:
    return str(states.asked(state, "SELECT version_num FROM alembic_version")[0][0])


def said(state: Path) -> int:
    """How often the function has told of the error of its event."""
    return "".join(logged(state, FUNCTION)).count("LookupError: on purpose")


@pytest.mark.anybody
def test_every_revision_there_was_has_its_state() -> None:
    known = Path(migrations.__file__).parent.joinpath("versions").glob("r*_*.py")
    assert sorted(path.name[1:5] for path in known) == OLD


@pytest.mark.parametrize("revision", OLD)
def test_a_state_of_each_revision_answers_as_it_did_and_goes_on(tmp_path: Path, revision: str) -> None:
    state = tmp_path / "state"
    told = states.unpack(revision, state)
    before = said(state)
    with Server.started(state) as server:
        assert states.answers(server) == told
        client = server.client()
        published = client.publish_layer_version(LayerName="base", Content={"ZipFile": archive("WORD = 1")})
        assert published["Version"] == 4
        if RUNTIME in INSTALLED:
            answer = client.invoke(FunctionName=FUNCTION, Qualifier="live", Payload='"now"')
            assert json.loads(answer["Payload"].read()) == ["two", "now"]
            # The event that had failed once when the old server stopped fails its second time, and last.
            wait_until(lambda: not states.asked(state, "SELECT id FROM events"), 20, "the event is given up")
            assert said(state) == before + 1
    assert revision_of(state) == schema.REVISION
    assert lamina("fsck", "--state", str(state)).returncode == 0


@pytest.mark.anybody
def test_a_backup_that_an_earlier_one_took_is_restored_by_this_one(tmp_path: Path) -> None:
    told = states.unpack(OLD[0], tmp_path / "backup")
    done = lamina("restore", str(tmp_path / "backup"), "--state", str(tmp_path / "state"))
    assert done.returncode == 0, done.stderr
    assert revision_of(tmp_path / "backup") == OLD[0]
    with Server.started(tmp_path / "state") as server:
        assert states.answers(server) == told


@pytest.mark.anybody
def test_what_a_later_one_kept_is_refused_in_words_and_left_as_it_is(tmp_path: Path) -> None:
    state = tmp_path / "state"
    states.unpack(OLD[-1], state)
    with closing(sqlite3.connect(state / "catalog.db")) as catalog, catalog:
        catalog.execute("UPDATE alembic_version SET version_num = '9999'")
    for command in (
        ["up", "--port", "0", "--state", str(state)],
        ["fsck", "--state", str(state)],
        ["backup", str(tmp_path / "backup"), "--state", str(state)],
        ["restore", str(state), "--state", str(tmp_path / "restored")],
    ):
        done = lamina(*command)
        assert done.returncode != 0
        assert "revision 9999" in done.stderr
        assert "Traceback" not in done.stderr
    assert revision_of(state) == "9999"
