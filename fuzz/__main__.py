"""Throw bytes at what strangers' bytes reach first, guided by which lines they reach.

    .venv/bin/python -m fuzz [archives|bodies|heads|operations]... [--executions N] [--keep] [--json FILE]

Each target runs in a process of its own until N executions are done or one of them is wrong; then the input is kept
as a file and its path is printed. It begins with tests/fuzz/corpus, where --keep puts what has reached something new.
Needs the package atheris, which the extra `fuzz` installs where there is one for this Python.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from fuzz import corpus

TARGETS = ("archives", "bodies", "heads", "operations")
_INSTRUMENTED = ["lamina.layers.archive", "lamina.wire", "lamina.gateway.reading", "lamina.gateway.messages"]
_SECONDS_PER_INPUT = 10
# What the engine says that is no finding.
_TALK = re.compile(r"INFO:|WARNING: Failed to find function|#{3,6} |\"|Done \d|stat::|\s*$")


def main() -> int:
    """0 when every target took all its executions."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description="Fuzz what strangers' bytes reach first.")
    parser.add_argument("targets", nargs="*", metavar="target", help=f"any of {', '.join(TARGETS)}; all unless given")
    parser.add_argument("--executions", type=int, default=100_000, metavar="N", help="of each target")
    parser.add_argument("--keep", action="store_true", help="have the tests know the inputs that reach something new")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write what was done")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    unknown = [name for name in arguments.targets if name not in TARGETS]
    if unknown:
        parser.error(f"there is no target {unknown[0]}: {', '.join(TARGETS)}")
    if arguments.alone:
        _run(arguments.alone, arguments.executions, arguments.folder)
    if importlib.util.find_spec("atheris") is None:
        print("error: there is no atheris; .venv/bin/uv pip install atheris", file=sys.stderr)
        return 2
    done = {name: _in_a_process(name, arguments.executions, arguments.keep) for name in arguments.targets or TARGETS}
    if arguments.json:
        arguments.json.write_text(json.dumps(done, indent=2) + "\n")
    return 0 if all(figures["ended"] == 0 for figures in done.values()) else 1


def _in_a_process(name: str, executions: int, keep: bool) -> dict[str, int]:
    with tempfile.TemporaryDirectory(prefix="lamina-fuzz-") as folder:
        command = [sys.executable, "-m", "fuzz", "--alone", name]
        command += ["--executions", str(executions), "--folder", folder]
        print(f"{name}: {executions:,} executions", flush=True)
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            figures = {"executions": 0, "coverage": 0, "features": 0, "corpus": 0, "ended": 0}
            for line in process.stderr:
                if shown := re.match(r"#(\d+)\t\w+ +cov: (\d+) ft: (\d+) corp: (\d+)", line):
                    figures.update(zip(figures, map(int, shown.groups()), strict=False))
                    if sys.stderr.isatty():
                        print(f"\r  {figures['executions']:,}, {figures['coverage']} places ", end="", file=sys.stderr)
                elif not _TALK.match(line):
                    print(line, end="", file=sys.stderr)
        figures["ended"] = process.returncode
        if keep:
            corpus.keep(name, (path.read_bytes() for path in Path(folder).iterdir() if path.is_file()))
        verdict = "nothing found" if process.returncode == 0 else "FOUND, see above"
        told = f"{figures['executions']:,} done, {figures['coverage']} places reached, {figures['corpus']} inputs kept"
        print(f"{name}: {told}; {verdict}", flush=True)
        return figures


def _run(name: str, executions: int, folder: Path) -> None:
    """Become the fuzzer of one target, which adds to *folder*; does not return."""
    import atheris  # noqa: PLC0415  # only here, and not for every Python

    with atheris.instrument_imports(include=_INSTRUMENTED):
        target = importlib.import_module(f"fuzz.{name}")
    given = folder / "given"
    given.mkdir()
    for number, data in enumerate([*target.seeds(), *corpus.kept(name)]):
        (given / str(number)).write_bytes(data)
    options = [f"-runs={executions}", f"-timeout={_SECONDS_PER_INPUT}", "-rss_limit_mb=2048", "-max_len=4096"]
    found = Path.cwd() / f"fuzz-{name}-"
    atheris.Setup(
        [name, *options, f"-artifact_prefix={found}", "-print_final_stats=1", str(folder), str(given)],
        target.check,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
