"""The model's regular expressions, which are Java's, as Python ones."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import groupby

_CATEGORY = re.compile(r"\\p\{(\w+)\}")
# Behind a class Java takes a hyphen for itself, as in `[\w-_]`, and Python for a range that makes no sense.
_HYPHEN = re.compile(r"(\\[wds])-(?!\])")


@cache
def matcher(pattern: str) -> re.Pattern[str]:
    r"""*pattern* compiled; use its `fullmatch`. `\d` and `\w` mean ASCII, as in Java; `\p{L}` works inside brackets.

    Compiled when first needed: the model has hundreds, a server uses few of them.
    """
    pattern = _HYPHEN.sub(r"\1\\-", pattern)
    return re.compile(_CATEGORY.sub(lambda match: _ranges(match[1]), pattern), re.ASCII)


@cache
def _ranges(category: str) -> str:
    """All characters of a Unicode *category* (`L`, `Zs`, …; not `C`) as the inside of a bracket."""
    assert not category.startswith("C")
    ranges, code = [], 0
    for inside, run in groupby(_categories(), lambda found: found.startswith(category)):
        start, code = code, code + sum(1 for _ in run)
        if inside:
            ranges.append(f"{re.escape(chr(start))}-{re.escape(chr(code - 1))}")
    return "".join(ranges)


@cache
def _categories() -> list[str]:
    # Behind plane 3 there is nothing but tags, selectors and private use; leaving it out makes this four times as fast.
    return [unicodedata.category(chr(code)) for code in range(0x40000)]
