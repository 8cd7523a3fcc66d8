"""Licences are known by what SPDX calls them, and never guessed."""

from __future__ import annotations

import pytest

from lamina.workshop.inventory.licences import Form, Licence, known, named


@pytest.mark.parametrize(
    ("text", "spelled", "form"),
    [
        ("MIT", "MIT", Form.ID),
        ("apache-2.0", "Apache-2.0", Form.ID),
        ("The Apache Software License, Version 2.0", "Apache-2.0", Form.ID),
        ("GNU General Public License v2 or later (GPLv2+)", "GPL-2.0-or-later", Form.ID),
        ("(MIT or Apache-2.0)", "(MIT OR Apache-2.0)", Form.EXPRESSION),
        ("GPL-2.0-only with Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0", Form.EXPRESSION),
        ("LicenseRef-Own", "LicenseRef-Own", Form.EXPRESSION),
    ],
)
def test_what_spdx_knows_is_called_as_spdx_does(text: str, spelled: str, form: Form) -> None:
    assert known(text) == Licence(spelled, form)


@pytest.mark.parametrize(
    "text", ["", " ", "BSD", "Apache Software License", "(MIT", "UNLICENSED", "MIT " * 50, "(" * 90]
)
def test_what_may_mean_several_means_none(text: str) -> None:
    assert known(text) is None


def test_the_text_of_a_licence_names_none() -> None:
    whole = "BSD 3-Clause\n\nRedistribution and use in source and binary forms …"
    assert named([whole, "", "BSD License", "MIT", "mit"]) == (
        Licence("BSD License", Form.NAME),
        Licence("MIT", Form.ID),
    )
