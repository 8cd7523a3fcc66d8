"""Which files say what a file of requirements comes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamina.workshop.building.python import is_pinned, sources


def _write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text)
    return folder / "first.txt"


def test_files_that_name_each_other_are_all_found_once(tmp_path: Path) -> None:
    first = _write(
        tmp_path,
        first="-r second.txt\n--constraint=third.txt\n./wheels/a-1-py3-none-any.whl\n-r https://example.com/r.txt\n",
        second="-r first.txt\nb @ file:b-1-py3-none-any.whl\n",
        third="six==1.0\n",
    )
    names = ["first.txt", "second.txt", "third.txt", "wheels/a-1-py3-none-any.whl", "b-1-py3-none-any.whl"]
    assert sources(first) == [tmp_path / name for name in names]


def test_a_file_that_is_not_there_is_told_of_and_not_read(tmp_path: Path) -> None:
    assert sources(_write(tmp_path, first="-r nowhere.txt\n"))[1] == tmp_path / "nowhere.txt"


@pytest.mark.parametrize(
    ("text", "pinned"),
    [
        ("six==1.17.0\n# a comment\n--only-binary :all:\n", True),
        ("six==1.17.0 \\\n    --hash=sha256:aa\n", True),
        ("six @ https://example.com/six.whl\n", True),
        ("six>=1.17\n", False),
        ("six\n", False),
        ("-r second.txt\n", False),
    ],
)
def test_requirements_are_pinned_when_each_names_one_version(text: str, pinned: bool, tmp_path: Path) -> None:
    assert is_pinned(_write(tmp_path, first=text, second="six\n")) is pinned
