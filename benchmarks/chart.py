"""docs/benchmarks.svg: medians as bars on a logarithmic scale, to be read on light and on dark pages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from benchmarks.report import number
from benchmarks.samples import Row

# What is drawn: a title, and the bars below it as name, row and sample.
GROUPS = (
    ("cold start, no layer", (("Lamina", "cold-no-layer", "Lamina"), ("RIE", "cold-no-layer", "RIE"),
                              ("MiniStack", "cold-no-layer", "MiniStack"))),
    ("cold start, requests layer", (("Lamina", "cold-requests", "Lamina"),
                                    ("Lamina, SnapStart", "snapstart-requests", "Lamina"),
                                    ("RIE", "cold-requests", "RIE"), ("MiniStack", "cold-requests", "MiniStack"))),
    ("cold start, numpy+pandas layer", (("Lamina", "cold-pandas", "Lamina"),
                                        ("Lamina, SnapStart", "snapstart-pandas", "Lamina"),
                                        ("RIE", "cold-pandas", "RIE"), ("MiniStack", "cold-pandas", "MiniStack"))),
    ("warm call", (("Lamina", "warm", "Lamina"), ("RIE", "warm", "RIE"), ("MiniStack", "warm", "MiniStack"))),
)  # fmt: skip

_WIDTH, _LEFT, _RIGHT, _BAR, _GAP, _TITLE, _FOOT, _TOP = 760, 150, 110, 18, 5, 30, 46, 40
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600 } .small { font-size: 11px }
.grid { stroke: #d1d9e0 } .Lamina { fill: #0969da } .RIE { fill: #9a6700 } .MiniStack { fill: #6e7781 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .grid { stroke: #3d444d }
  .Lamina { fill: #4493f8 } .RIE { fill: #d29922 } .MiniStack { fill: #9198a1 }
}
"""


def drawn(rows: Sequence[Row]) -> str:
    """The chart of what *rows* have; bars and groups of what was not measured are left out."""
    medians = {(row.name, name): sample.median for row in rows for name, sample in row.samples.items()}
    groups = [
        (title, [(name, medians[row, sample]) for name, row, sample in bars if (row, sample) in medians])
        for title, bars in GROUPS
    ]
    shown = [(title, bars) for title, bars in groups if bars]
    values = [value for _, bars in shown for _, value in bars] or [1.0, 10.0]
    scale = _Scale(min(values), max(values))
    height = _TOP + _FOOT + sum(_TITLE + len(bars) * (_BAR + _GAP) for _, bars in shown)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        "<title>Milliseconds until the answer: medians</title>",
        f"<style>{_STYLE}</style>",
        '<text class="title" x="8" y="20">Milliseconds until the answer (median, shorter is better)</text>',
        *_grid(scale, height),
        *_bars(shown, scale),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


class _Scale:
    """Whole powers of ten around all values."""

    def __init__(self, least: float, most: float) -> None:
        self.first = math.floor(math.log10(least))
        self.last = max(math.ceil(math.log10(most)), self.first + 1)

    def x(self, value: float) -> float:
        """Where *value* lies, in pixels from the left."""
        share = (math.log10(value) - self.first) / (self.last - self.first)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _grid(scale: _Scale, height: int) -> Iterator[str]:
    bottom = height - _FOOT + 14
    for power in range(scale.first, scale.last + 1):
        x = scale.x(10.0**power)
        yield f'<line class="grid" x1="{x:.1f}" y1="{_TOP - 8}" x2="{x:.1f}" y2="{bottom}"/>'
        label = f"{10.0**power:,g}" if power < 0 else f"{10**power:,}"
        yield f'<text class="small" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{label} ms</text>'


def _bars(shown: Sequence[tuple[str, Sequence[tuple[str, float]]]], scale: _Scale) -> Iterator[str]:
    y = _TOP
    for title, bars in shown:
        y += _TITLE
        yield f'<text class="title" x="8" y="{y - 9}">{escape(title)}</text>'
        for name, value in bars:
            end, middle = scale.x(value), y + _BAR - 5
            subject = name.partition(",")[0]
            yield f'<text x="{_LEFT - 8}" y="{middle}" text-anchor="end">{escape(name)}</text>'
            # Something has to be seen of the smallest, too.
            width = max(end - _LEFT, 2)
            yield f'<rect class="{subject}" x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2"/>'
            yield f'<text x="{_LEFT + width + 6:.1f}" y="{middle}">{number(value)} ms</text>'
            y += _BAR + _GAP
