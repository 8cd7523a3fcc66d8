"""Licences as packages declare them: an SPDX identifier or expression where it is one, else a name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

# Some packages put the whole text of their licence where its name belongs.
_NAME_MAX: Final = 120
_ID: Final = re.compile(r"[A-Za-z0-9.-]+")


class Form(StrEnum):
    """How well a licence is known; the values are CycloneDX's members for it."""

    ID = "id"
    EXPRESSION = "expression"
    NAME = "name"


@dataclass(frozen=True, slots=True, order=True)
class Licence:
    """One licence: `text` is an SPDX identifier, an SPDX expression, or what the package calls it."""

    text: str
    form: Form


# What packages write that means one licence and no other, in lower case: trove classifiers (without "OSI Approved") and
# what poms and manifests have. "BSD License" or "Apache Software License" may be any of several, and stay names.
_MEANT: Final = {
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache-2": "Apache-2.0",
    "the apache license, version 2.0": "Apache-2.0",
    "the apache software license, version 2.0": "Apache-2.0",
    "http://www.apache.org/licenses/license-2.0": "Apache-2.0",
    "http://www.apache.org/licenses/license-2.0.txt": "Apache-2.0",
    "https://www.apache.org/licenses/license-2.0": "Apache-2.0",
    "https://www.apache.org/licenses/license-2.0.txt": "Apache-2.0",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd-3": "BSD-3-Clause",
    "the 3-clause bsd license": "BSD-3-Clause",
    "bsd 2-clause": "BSD-2-Clause",
    "boost software license 1.0 (bsl-1.0)": "BSL-1.0",
    "cc0 1.0 universal (cc0 1.0) public domain dedication": "CC0-1.0",
    "eclipse public license 1.0 (epl-1.0)": "EPL-1.0",
    "eclipse public license 2.0 (epl-2.0)": "EPL-2.0",
    "eclipse public license v2.0": "EPL-2.0",
    "gnu affero general public license v3": "AGPL-3.0-only",
    "gnu affero general public license v3 or later (agplv3+)": "AGPL-3.0-or-later",
    "gnu general public license v2 (gplv2)": "GPL-2.0-only",
    "gnu general public license v2 or later (gplv2+)": "GPL-2.0-or-later",
    "gnu general public license v3 (gplv3)": "GPL-3.0-only",
    "gnu general public license v3 or later (gplv3+)": "GPL-3.0-or-later",
    "gnu lesser general public license v3 (lgplv3)": "LGPL-3.0-only",
    "gnu lesser general public license v3 or later (lgplv3+)": "LGPL-3.0-or-later",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "the mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
}


def known(text: str) -> Licence | None:
    """What *text* means in SPDX's terms: an identifier or an expression; None if it is neither, or not surely one."""
    text = text.strip()
    if len(text) > _NAME_MAX:
        return None
    try:
        spelled = str(canonicalize_license_expression(_MEANT.get(text.lower(), text)))
    except InvalidLicenseExpression:
        return None
    # A reference to a licence of the package's own is on no list of SPDX's, so that only an expression may have it.
    is_id = _ID.fullmatch(spelled) and not spelled.startswith("LicenseRef-")
    return Licence(spelled, Form.ID if is_id else Form.EXPRESSION)


def named(texts: Iterable[str]) -> tuple[Licence, ...]:
    """The licences that *texts* are, each as SPDX has it or else by name, without repetition.

    What has more than a line, or too long a one, is a licence itself and names none.
    """
    found = [
        known(text) or Licence(text.strip(), Form.NAME)
        for text in texts
        if text.strip() and "\n" not in text.strip() and len(text) <= _NAME_MAX
    ]
    return tuple(dict.fromkeys(found))
