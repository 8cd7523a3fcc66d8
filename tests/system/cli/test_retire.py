"""`lamina retire` and `lamina rollout watch` as a person types them."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support import zips
from tests.support.command_line import LAMINA
from tests.support.functions import unique
from tests.support.runtimes import NEWEST
from tests.support.server import Server

pytestmark = pytest.mark.anybody

# Nobody else's functions are in this account.
OWNER, OTHER = "717171717171", "727272727272"
ROLE = f"arn:aws:iam::{OWNER}:role/r"


class Owner:
    """A layer with versions 1 to 6, and functions of OWNER's: one at 6, one whose alias leads to one at 1."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder, self.layer = server, folder, unique("retired")
        self.client = server.client(account=OWNER)
        content = {"ZipFile": zips.of({"python/m.py": b""})}
        for _ in range(6):
            self.client.publish_layer_version(LayerName=self.layer, Content=content)
        self.current, self.published = unique(), unique()
        for name, number in ((self.current, 6), (self.published, 1)):
            self.client.create_function(
                FunctionName=name,
                Runtime=NEWEST,
                Role=ROLE,
                Handler="app.handler",
                Code={"ZipFile": zips.of({"app.py": b"def handler(event, context): pass"})},
                Layers=[self.arn(number)],
            )
        self.client.get_waiter("function_active_v2").wait(FunctionName=self.published)
        self.client.publish_version(FunctionName=self.published)
        self.client.create_alias(FunctionName=self.published, Name="live", FunctionVersion="1")
        self.client.update_function_configuration(FunctionName=self.published, Layers=[self.arn(6)])
        (folder / "config").write_text(
            "\n".join(
                f"[profile {name}]\naws_access_key_id = {account}\naws_secret_access_key = x\nregion = us-east-1"
                for name, account in {"owner": OWNER, "other": OTHER}.items()
            )
        )
        (folder / "lamina-channels.toml").write_text(
            f'format = 1\n[us-east-1.{self.layer}]\nstable = "{self.arn(2)}"\n'
        )

    def arn(self, number: int) -> str:
        return f"arn:aws:lambda:us-east-1:{OWNER}:layer:{self.layer}:{number}"

    def versions(self) -> list[int]:
        listed = self.client.list_layer_versions(LayerName=self.layer)["LayerVersions"]
        return [version["Version"] for version in listed]

    def run(self, *arguments: str, profile: str = "owner", code: int = 0) -> str:
        done = self.ask(self.server.endpoint, *arguments, profile=profile)
        assert done.returncode == code, done.stderr
        return done.stdout if code in (0, 8) else done.stderr

    def ask(self, endpoint: str, *arguments: str, profile: str = "owner") -> subprocess.CompletedProcess[str]:
        own = {"AWS_CONFIG_FILE": str(self.folder / "config"), "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        return subprocess.run(
            [LAMINA, *arguments, "--profile", profile, "--endpoint", endpoint],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=self.folder,
            env={**os.environ, **own},
        )


@pytest.fixture
def owner(shared_server: Server, tmp_path: Path) -> Owner:
    return Owner(shared_server, tmp_path)


def test_what_nobody_uses_goes_once_it_is_said_so(owner: Owner) -> None:
    owner.client.add_layer_version_permission(
        LayerName=owner.layer, VersionNumber=3, StatementId="s", Action="lambda:GetLayerVersion", Principal=OTHER
    )
    told = owner.run("retire", owner.layer, "--keep", "1").splitlines()
    assert told[1:] == [
        "5  would go",
        "4  would go",
        f"3  stays     shared with {OTHER}, whose functions were not looked at",
        "2  stays     channel stable",
        f"1  stays     used by {owner.published}:1 (live)",
        "2 of 6 versions would go: --yes deletes them",
    ]
    assert told[0] == f"6  stays     one of the newest; used by {', '.join(sorted([owner.current, owner.published]))}"
    assert owner.versions() == [6, 5, 4, 3, 2, 1]
    # Those others are looked at, and have functions, none of which uses it.
    owner.server.client(account=OTHER).create_function(
        FunctionName=unique(), Runtime=NEWEST, Role=ROLE, Handler="a.b", Code={"ZipFile": zips.of({"a.py": b""})}
    )
    found = json.loads(owner.run("retire", owner.layer, "--keep", "1", "--json", "--yes", profile="owner,other"))
    assert [each["version"] for each in found["versions"] if each["goes"]] == [5, 4, 3]
    assert owner.versions() == [6, 2, 1]
    owner.run("retire", owner.layer, "--keep", "0", "--force", "--yes")
    # A channel is more than a wish, and what was deleted stays where it is attached.
    assert owner.versions() == [2]
    assert owner.client.get_function_configuration(FunctionName=owner.current)["Layers"][0]["Arn"] == owner.arn(6)


@contextmanager
def keeping(number: int, endpoint: str) -> Iterator[str]:
    """The address of what passes everything on to *endpoint*, and lets nobody delete version *number*."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            if self.command == "DELETE" and self.path.endswith(f"/versions/{number}"):
                self._say(403, {"x-amzn-ErrorType": "AccessDeniedException"}, b'{"Message": "this one stays"}')
                return
            asked = urllib.request.Request(endpoint + self.path, method=self.command, headers=dict(self.headers))
            try:
                with urllib.request.urlopen(asked, timeout=60) as answer:
                    self._say(answer.status, {}, answer.read())
            except urllib.error.HTTPError as error:
                self._say(error.code, {"x-amzn-ErrorType": error.headers["x-amzn-ErrorType"]}, error.read())

        def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_DELETE = _answer  # noqa: N815  # the names that the base class calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_where_one_cannot_be_deleted_those_before_it_are_told(owner: Owner) -> None:
    with keeping(3, owner.server.endpoint) as endpoint:
        done = owner.ask(endpoint, "retire", owner.layer, "--keep", "1", "--yes")
        assert (done.returncode, done.stdout.splitlines()[1:]) == (
            1,
            [
                "5  deleted",
                "4  deleted",
                "3  would go",
                "2  stays     channel stable",
                f"1  stays     used by {owner.published}:1 (live)",
                "2 of 6 versions are deleted, 1 more would go",
            ],
        )
        assert "this one stays" in done.stderr
        told = owner.ask(endpoint, "retire", owner.layer, "--keep", "1", "--yes", "--json").stdout
    assert [(each["version"], each["gone"]) for each in json.loads(told)["versions"] if each["goes"]] == [(3, False)]
    assert owner.versions() == [6, 3, 2, 1]


def test_a_layer_of_nobody_or_of_somebody_else_is_not_retired(owner: Owner) -> None:
    assert f"you have no layer {owner.layer}" in owner.run("retire", owner.layer, "--yes", profile="other", code=1)
    assert "names one version" in owner.run("retire", f"{owner.layer}:3", code=2)


def test_who_is_behind_is_told_with_an_exit_code_for_ci(owner: Owner) -> None:
    watching = ("rollout", "watch", owner.layer)
    told = owner.run(*watching, "--markdown", "report.md", code=8)
    assert told.splitlines()[-2:] == [
        f"{owner.published}  1 (live)  1   6             {OWNER}  us-east-1",
        "3 consumers: 1 behind",
    ]
    function = f"arn:aws:lambda:us-east-1:{OWNER}:function:{owner.published}"
    assert f"| `{function}` | 1 (live) | 1 | 6 |\n" in (owner.folder / "report.md").read_text()
    # Who follows a channel is held to that: it is ahead.
    owner.client.tag_resource(Resource=function, Tags={f"lamina:channel:{owner.layer}": "stable"})
    found: dict[str, Any] = json.loads(owner.run(*watching, "--channels", "lamina-channels.toml", "--json", code=8))
    assert [(each["version"], each["at"], each["due"], each["follows"]) for each in found["drifted"]] == [
        ("$LATEST", 6, 2, "stable"),
        ("1", 1, 2, "stable"),
    ]
    # Nor is it well that a channel is followed which is nowhere.
    owner.client.tag_resource(Resource=function, Tags={f"lamina:channel:{owner.layer}": "lost"})
    owner.run(*watching, "--channels", "lamina-channels.toml", code=1)
    owner.client.update_alias(FunctionName=owner.published, Name="live", FunctionVersion="$LATEST")
    assert owner.run(*watching) == "2 consumers, all where they should be\n"
