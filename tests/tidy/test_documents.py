"""What is documented exists, and what exists is documented."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from typer.main import get_command

from lamina.cli.commands import app
from lamina.observability.families import FAMILIES
from lamina.observability.otel import VARIABLES
from lamina.settings import SETTINGS
from tests.support.recorded import RECORDED

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [path for name in listed.decode().split("\0") if name and (path := ROOT / name).is_file()]


def _documents() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


def test_every_command_and_option_is_documented() -> None:
    page = (DOCS / "COMMANDS.md").read_text()
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]  # it is a group
        found = re.search(rf"\n## `lamina {re.escape(name)}[ `]", page)
        assert found, f"docs/COMMANDS.md has no section on lamina {name}"
        section = page[found.start() :].partition("\n## ")[2].partition("\n## ")[0]
        below = getattr(command, "commands", {})
        assert [sub for sub in below if f"\n### `lamina {name} {sub}" not in section] == []
        for parameter in [*command.params, *(parameter for sub in below.values() for parameter in sub.params)]:
            for option in parameter.opts if parameter.param_type_name == "option" else []:
                assert f"`{option}" in section, f"docs/COMMANDS.md says nothing of lamina {name} {option}"


def test_every_exit_code_is_documented() -> None:
    from lamina.cli.failures import Failure

    page = (DOCS / "COMMANDS.md").read_text()
    codes = {value for name, value in vars(Failure).items() if name.isupper()}
    assert codes
    assert {code for code in codes if f"| {code} |" not in page} == set()


def test_the_page_on_settings_holds_exactly_the_rows_of_the_table() -> None:
    rows = [line for line in (DOCS / "SETTINGS.md").read_text().splitlines() if line.startswith("| `")]
    names = [(*filter(None, [setting.option]), *setting.variables) for setting in SETTINGS]
    assert rows == [
        f"| {', '.join(f'`{name}`' for name in which)} | {setting.documented} | {setting.says} |"
        for which, setting in zip(names, SETTINGS, strict=True)
    ]


def test_the_page_on_metrics_holds_exactly_the_rows_of_the_table() -> None:
    rows = [line for line in (DOCS / "METRICS.md").read_text().splitlines() if line.startswith("| `")]
    labels = [", ".join(f"`{label}`" for label in family.labels) or "-" for family in FAMILIES]
    assert rows == [
        f"| `{family.name}` | {family.kind} | {told} | {family.says} |"
        for family, told in zip(FAMILIES, labels, strict=True)
    ]


def test_the_page_on_traces_holds_exactly_the_variables_of_the_table() -> None:
    rows = [line for line in (DOCS / "TRACES.md").read_text().splitlines() if line.startswith("| `OTEL_")]
    names = [", ".join(f"`{name}`" for name in variable.names) for variable in VARIABLES]
    assert rows == [
        f"| {told} | {variable.default} | {variable.says} |" for told, variable in zip(names, VARIABLES, strict=True)
    ]


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    names = set(re.findall(r"\b(?:lamina|process)_[a-z_]+", (DOCS / "grafana" / "lamina.json").read_text()))
    series = {
        family.name + suffix
        for family in FAMILIES
        for suffix in (("_bucket", "_sum", "_count") if family.kind in ("histogram", "summary") else ("",))
    }
    assert names
    assert names - series == set()


def test_no_variable_of_ours_is_read_outside_the_settings() -> None:
    pattern = re.compile(r"[\"'](LAMINA_[A-Z_]+|LAMBDA_[A-Z_]+|GATEWAY_PORT)[\"']")
    known = {variable for setting in SETTINGS for variable in setting.variables}
    # It sets one, for a server that it starts.
    sets = ROOT / "src" / "lamina" / "testing" / "server.py"
    for path in sorted((ROOT / "src").rglob("*.py")):
        if path.parent.name != "settings" and path != sets:
            assert set(pattern.findall(path.read_text())) & known == set(), path


def test_every_decision_is_linked() -> None:
    pages = "".join(page.read_text() for page in [ROOT / "README.md", *DOCS.glob("*.md")])
    for decision in sorted((DOCS / "decisions").glob("*.md")):
        assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", decision.name)
        assert f"decisions/{decision.name}" in pages, f"{decision.name} is linked from nowhere"


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [int(path.name[:4]) for path in sorted((DOCS / "decisions").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("page", _documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" not in target and not target.startswith("#"):
            assert (page.parent / target.partition("#")[0]).exists(), f"{page.name} links to {target}"


def test_every_promise_names_a_test_that_exists() -> None:
    page = (DOCS / "SPECIFICATION.md").read_text()
    promises = re.findall(r"^\| (\d+) \|.*\| (.+) \|$", page, re.MULTILINE)
    assert [int(number) for number, _ in promises] == list(range(1, len(promises) + 1))
    for number, held_by in promises:
        for name in re.findall(r"`([^`]+)`", held_by):
            assert _is_a_test(name), f"promise {number} is held by {name}, which does not exist"


def _is_a_test(name: str) -> bool:
    """Whether *name*, a file below the root or a test in one as pytest spells it, exists."""
    file, _, test = name.partition("::")
    path = ROOT / file
    return path.exists() and (not test or f"def {test}(" in path.read_text())


def test_every_try_at_an_escape_is_told_with_what_stops_it() -> None:
    named = set(re.findall(r"`(tests/[^`]+)`", (DOCS / "SECURITY.md").read_text()))
    assert {name for name in named if not _is_a_test(name)} == set()
    tried = {str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "escape").glob("test_*.py")}
    assert tried - named == set()


def test_every_item_of_the_execution_environment_names_tests_that_exist() -> None:
    rows = re.findall(r"^\| (.+) \| .+ \| (.+) \|$", (DOCS / "ENVIRONMENT.md").read_text(), re.MULTILINE)
    items = {item: re.findall(r"`([^`]+)`", held_by) for item, held_by in rows if held_by not in ("held by", "---")}
    assert len(items) > 80
    assert [item for item, tests in items.items() if not tests] == []
    assert {item: name for item, tests in items.items() for name in tests if not _is_a_test(name)} == {}


def test_every_variable_that_was_recorded_on_aws_is_on_the_page_of_the_execution_environment() -> None:
    page = (DOCS / "ENVIRONMENT.md").read_text().partition("## Variables")[2].partition("\n## ")[0]
    variables = {name for recorded in RECORDED.values() for name in recorded} - {"TEST_KEY"}
    assert {name for name in variables if f"`{name}`" not in page} == set()


# The names are put together here, so that this file does not trip over itself.
_REGISTRIES = ["pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "crates" + ".io", "repo.maven" + ".apache"]
_HERE = ["/work" + "/main", "/root" + "/.pyenv", "bash" + "_jobs", str(ROOT) + "/"]


@pytest.mark.parametrize("name", [*_REGISTRIES, *_HERE])
def test_no_tracked_file_names_a_registry_or_a_folder_of_this_machine(name: str) -> None:
    naming = [path for path in _tracked() if path.suffix != ".lock" and name.encode() in path.read_bytes()]
    assert naming == []
