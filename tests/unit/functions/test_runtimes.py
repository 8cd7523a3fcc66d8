"""What a runtime's id says."""

from __future__ import annotations

import pytest

from lamina.functions.runtimes import Language


@pytest.mark.parametrize(
    ("runtime", "family", "version"),
    [
        ("python3.12", "python", "3.12"),
        ("nodejs22.x", "nodejs", "22"),
        ("nodejs4.3-edge", "nodejs", "4.3"),
        ("java17", "java", "17"),
        # Only the system below differs.
        ("java8.al2", "java", "8"),
        ("java17.al2023", "java", "17"),
        ("ruby3.3", "ruby", "3.3"),
        ("dotnet8", "dotnet", "8"),
        ("dotnetcore3.1", "dotnet", "3.1"),
        ("go1.x", "go", "1"),
        ("provided", "provided", ""),
        ("provided.al2", "provided", "al2"),
        ("provided.al2023", "provided", "al2023"),
    ],
)
def test_an_id_is_a_language_and_its_version(runtime: str, family: str, version: str) -> None:
    assert Language.of(runtime) == Language(family, version)
