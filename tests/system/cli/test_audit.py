"""`lamina audit` as a person types it: by a file, and by tools that answer as pip-audit and npm do."""

from __future__ import annotations

import gzip
import json
import shutil
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lamina.cli.failures import Failure
from tests.support import zips
from tests.support.command_line import Run

pytestmark = pytest.mark.anybody

PIP_AUDIT = """import json, sys
lines = open(sys.argv[sys.argv.index("-r") + 1]).read().splitlines()
told = {"urllib3==1.26.4": [{"id": "PYSEC-2021-1", "fix_versions": ["1.26.5"], "aliases": ["CVE-2021-1"],
        "description": "Slow on a URL.\\n\\nMore."}]}
dependencies = [{"name": line.split("==")[0], "version": line.split("==")[1], "vulns": told.get(line, [])}
                for line in lines if not line.startswith("private")]
dependencies += [{"name": line.split("==")[0], "skip_reason": "Dependency not found"}
                 for line in lines if line.startswith("private")]
print(json.dumps({"dependencies": dependencies, "fixes": []}))
print("Found 1 known vulnerability", file=sys.stderr)
sys.exit(1)
"""
NPM = """import json, sys
packages = json.load(open("package-lock.json"))["packages"]
found = {}
if packages.get("node_modules/lodash", {}).get("version") == "4.17.4":
    via = {"source": 1, "name": "lodash", "title": "Prototype pollution", "severity": "high",
           "url": "https://github.com/advisories/GHSA-jf85-cpcp-j695", "range": "<4.17.12"}
    found["lodash"] = {"name": "lodash", "severity": "high", "via": [via, "other"], "range": "<4.17.12"}
print(json.dumps({"auditReportVersion": 2, "vulnerabilities": found}))
sys.exit(1 if found else 0)
"""


def _dist(name: str, version: str) -> dict[str, bytes]:
    meta = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nLicense: MIT\n".encode()
    return {f"python/{name}-{version}.dist-info/METADATA": meta}


def _node(name: str, version: str, below: str = "nodejs") -> dict[str, bytes]:
    said = {"name": name, "version": version, "license": "MIT"}
    return {f"{below}/node_modules/{name}/package.json": json.dumps(said).encode()}


def _record(number: int, ecosystem: str, name: str, fixed: str, **more: Any) -> dict[str, Any]:
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]
    affected = [{"package": {"ecosystem": ecosystem, "name": name}, "ranges": ranges}]
    return {"id": f"GHSA-{number:04}-aaaa-bbbb", "summary": f"fault {number}", "affected": affected, **more}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path)
    run.write("one.zip", zips.of({**_dist("urllib3", "1.26.4"), **_dist("idna", "3.7"), **_node("lodash", "4.17.4")}))
    return run


def test_a_file_of_advisories_is_all_it_takes(run: Run, tmp_path: Path) -> None:
    records = [
        _record(1, "PyPI", "urllib3", "1.26.5", aliases=["CVE-2021-1"], database_specific={"severity": "HIGH"}),
        _record(2, "PyPI", "idna", "3.7"),
        _record(3, "npm", "lodash", "4.17.12"),
        _record(4, "RubyGems", "rake", "13.0"),
    ]
    run.write("lines.jsonl", "".join(f"{json.dumps(record)}\n" for record in records).encode())
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for record in records:
            archive.writestr(f"{record['id']}.json", json.dumps(record, indent=2))
    told = run("audit", "one.zip", "--database", "all.zip", "--licences")
    assert told.returncode == Failure.VULNERABLE, told.stderr
    assert told.stdout.splitlines() == [
        "unrated  lodash 4.17.4: fault 3",
        "         GHSA-0003-aaaa-bbbb",
        "         not in 4.17.12",
        "",
        "high     urllib3 1.26.4: fault 1",
        "         GHSA-0001-aaaa-bbbb, CVE-2021-1",
        "         not in 1.26.5",
        "",
        "2 known vulnerabilities of 2 packages; 3 of 3 packages looked up by database",
        "",
        "MIT  idna 3.7, lodash 4.17.4, urllib3 1.26.4",
    ]
    assert "\033" not in told.stdout + told.stderr
    by_lines = run("audit", "one.zip", "--database", "lines.jsonl", "--json")
    found = {each["name"]: each for each in json.loads(by_lines.stdout)["packages"]}
    assert found["urllib3"]["vulnerabilities"] == [
        {
            "id": "GHSA-0001-aaaa-bbbb",
            "aliases": ["CVE-2021-1"],
            "summary": "fault 1",
            "severity": "high",
            "fixed_in": ["1.26.5"],
        }
    ]
    assert (found["idna"]["vulnerabilities"], found["idna"]["licences"]) == ([], ["MIT"])


def test_what_is_ignored_is_left_out_and_what_is_ignored_in_vain_is_told(run: Run) -> None:
    records = [_record(1, "PyPI", "urllib3", "1.26.5", aliases=["CVE-2021-1"]), _record(2, "npm", "lodash", "1.0.0")]
    run.write("db", "\n".join(map(json.dumps, records)).encode())
    told = run("audit", "one.zip", "--database", "db", "--ignore", "cve-2021-1", "--ignore", "CVE-1999-1")
    assert told.returncode == 0, told.stdout
    assert told.stdout.splitlines() == [
        "ignored in vain: CVE-1999-1",
        "ok  no vulnerability is known; 3 of 3 packages looked up by database",
    ]
    run.write("lamina.toml", b"[layers.x]\n[audit]\nignore = 'GHSA-0001-aaaa-bbbb'\n")
    assert run("audit", "one.zip", "--database", "db").returncode == 0
    run.write("lamina.toml", b"[layers.x]\n[audit]\nignored = []\n")
    assert "there is no audit.ignored" in run("audit", "one.zip", "--database", "db").stderr


def test_what_is_no_database_is_said_and_never_taken_for_an_empty_one(run: Run) -> None:
    run.write("db", b"no record\n")
    told = run("audit", "one.zip", "--database", "db")
    assert (told.returncode, told.stdout) == (Failure.USAGE, "")
    assert "db is no database of advisories" in told.stderr


def test_a_database_of_one_ecosystem_says_nothing_of_another(run: Run) -> None:
    run.write("db", json.dumps(_record(1, "PyPI", "idna", "1.0")).encode())
    told = run("audit", "one.zip", "--database", "db")
    assert told.returncode == Failure.NOT_AUDITED
    assert told.stdout.splitlines() == [
        "not looked up: lodash 4.17.4: the database has no advisory at all on packages of npm",
        "nothing is known of those looked up; 2 of 3 packages looked up by database",
    ]


def _tools(run: Run, folder: Path, **tools: str) -> dict[str, str]:
    (folder / "bin").mkdir()
    for name, script in tools.items():
        tool = folder / "bin" / name.replace("_", "-")
        tool.write_text(script if script.startswith("#!") else f"#!{sys.executable}\n{script}")
        tool.chmod(0o755)
    return {"PATH": f"{folder}/bin:/usr/bin:/bin"}


def test_the_tools_of_each_language_are_asked_about_every_version_of_a_package(run: Run, tmp_path: Path) -> None:
    run.write(
        "two.zip", zips.of({**_dist("urllib3", "2.0.0"), **_dist("private", "1.0"), **_node("lodash", "4.17.21")})
    )
    run.environ.update(_tools(run, tmp_path, pip_audit=PIP_AUDIT, npm=NPM))
    told = run("audit", "one.zip", "two.zip", "--json")
    assert told.returncode == Failure.VULNERABLE, told.stderr
    assert told.stderr.splitlines() == [
        "asking npm about 1 package …",
        "asking npm about 1 package …",
        "asking pip-audit about 3 packages …",
        "asking pip-audit about 1 package …",
    ]
    found = {(each["name"], each["version"]): each for each in json.loads(told.stdout)["packages"]}
    known = {key: [one["id"] for one in each["vulnerabilities"]] for key, each in found.items()}
    assert known == {
        ("urllib3", "1.26.4"): ["PYSEC-2021-1"],
        ("urllib3", "2.0.0"): [],
        ("idna", "3.7"): [],
        ("private", "1.0"): [],
        ("lodash", "4.17.4"): ["GHSA-jf85-cpcp-j695"],
        ("lodash", "4.17.21"): [],
    }
    assert found["urllib3", "1.26.4"]["vulnerabilities"][0]["summary"] == "Slow on a URL."
    assert found["lodash", "4.17.4"]["vulnerabilities"][0]["fixed_in"] == ["4.17.12"]
    assert (found["private", "1.0"]["audited_by"], found["private", "1.0"]["reason"]) == (None, "Dependency not found")


class _Registry(BaseHTTPRequestHandler):
    """Answers npm as its registry does: with advisories on what it is asked about, and with what versions there are."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = json.loads(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
        told = {
            "id": 1,
            "url": "https://github.com/advisories/GHSA-jf85-cpcp-j695",
            "title": "Prototype pollution",
            "severity": "critical",
            "vulnerable_versions": "<4.17.12",
        }
        self._answer({"lodash": [told]} if "4.17.4" in asked.get("lodash", ()) else {})

    def do_GET(self) -> None:
        name = self.path.strip("/")
        self._answer({"name": name, "versions": {each: {"name": name} for each in ("4.17.4", "4.17.21")}})

    def log_message(self, *_: object) -> None:
        """Nothing: standard error is the test's."""

    def _answer(self, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def test_npm_itself_takes_the_question_and_is_understood(run: Run, tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not on this machine")
    scoped = _node("@scope/tool", "1.0.0")
    nested = _node("lodash", "4.17.21", "nodejs/node_modules/@scope/tool")
    run.write("layer.zip", zips.of({**scoped, **nested, **_node("lodash", "4.17.4")}))
    with ThreadingHTTPServer(("127.0.0.1", 0), _Registry) as registry:
        thread = threading.Thread(target=registry.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        run.environ["npm_config_registry"] = f"http://127.0.0.1:{registry.server_address[1]}"
        run.environ["npm_config_cache"] = str(tmp_path / "npm")
        told = run("audit", "layer.zip", "--json")
        registry.shutdown()
        thread.join()
    assert told.returncode == Failure.VULNERABLE, told.stdout
    found = {(each["name"], each["version"]): each for each in json.loads(told.stdout)["packages"]}
    assert {each["audited_by"] for each in found.values()} == {"npm audit"}
    known = {key: [one["id"] for one in each["vulnerabilities"]] for key, each in found.items()}
    assert known == {
        ("@scope/tool", "1.0.0"): [],
        ("lodash", "4.17.21"): [],
        ("lodash", "4.17.4"): ["GHSA-jf85-cpcp-j695"],
    }


def test_what_nobody_could_look_up_is_never_told_as_sound(run: Run, tmp_path: Path) -> None:
    refusing = "#!/bin/sh\necho 'ERROR: no route to the registry' >&2\nexit 1\n"
    run.environ.update(
        _tools(run, tmp_path, pip_audit=refusing, npm='#!/bin/sh\necho \'{"error": {"summary": "405"}}\'\n')
    )
    told = run("audit", "one.zip")
    assert told.returncode == Failure.NOT_AUDITED
    assert told.stdout.splitlines() == [
        "not looked up: lodash 4.17.4: npm could not ask its registry: 405",
        "not looked up: idna 3.7, urllib3 1.26.4: pip-audit failed: ERROR: no route to the registry",
        "none of 3 packages could be looked up",
    ]


def test_what_a_layer_calls_its_packages_is_never_an_option_of_a_tool(run: Run, tmp_path: Path) -> None:
    meta = b"Metadata-Version: 2.1\nName: -r /etc/passwd\nVersion: 1.0\n"
    gem = b'Gem::Specification.new do |s|\n  s.name = "rake"\n  s.version = "13.0.6"\nend\n'
    odd = {
        "python/odd-1.0.dist-info/METADATA": meta,
        "ruby/gems/3.3.0/specifications/rake-13.0.6.gemspec": gem,
        **_dist("idna", "latest"),
        **_node("lodash", "file:../.."),
    }
    run.write("odd.zip", zips.of(odd))
    never = "#!/bin/sh\ntouch asked; exit 1\n"
    run.environ.update(_tools(run, tmp_path, pip_audit=never, npm=never))
    told = run("audit", "odd.zip")
    assert told.returncode == Failure.NOT_AUDITED
    assert told.stdout.splitlines() == [
        "not looked up: lodash file:../..: 'file:../..' is no semantic version",
        "not looked up: -r /etc/passwd 1.0: no registry has a package of that name",
        "not looked up: idna latest: Invalid version: 'latest'",
        "not looked up: rake 13.0.6: no tool asks about Ruby packages; --database FILE does",
        "none of 4 packages could be looked up",
    ]
    assert told.stderr == ""


def test_there_is_nothing_to_audit_without_a_layer(run: Run) -> None:
    assert run("audit").returncode == Failure.USAGE
