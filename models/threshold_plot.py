"""Curves of thresholds as one SVG picture: what is let through rightly and wrongly, at every value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape

from models.thresholds import Curve, Point

_SIZE = 300
_LEFT, _TOP, _GAP, _BELOW = 60, 48, 80, 80
_RECALL, _FALSE, _PRECISION = "#1f6feb", "#cf222e", "#2da44e"
_STYLE = (
    "text{font:12px sans-serif;fill:#57606a}.t{font-weight:bold;fill:#24292f}.g{stroke:#d0d7de}"
    ".c{fill:none;stroke-width:2}.m{stroke:#24292f;stroke-dasharray:4 3}"
)


@dataclass(frozen=True, slots=True)
class Plot:
    """One curve with what its two kinds of examples are."""

    title: str
    must: str
    may: str
    curve: Curve


@dataclass(frozen=True, slots=True)
class _Panel:
    """A square with an x axis from `low` to `high` and shares upwards."""

    left: float
    top: float
    low: float
    high: float

    def at(self, x: float, share: float) -> tuple[float, float]:
        right = (min(max(x, self.low), self.high) - self.low) / (self.high - self.low)
        return self.left + right * _SIZE, self.top + (1 - share) * _SIZE


def draw(plots: Sequence[Plot]) -> str:
    """An SVG document, one row a plot: the shares at each threshold, and the ROC curve; the chosen point on both."""
    width, row = _LEFT + 2 * (_SIZE + _GAP), _TOP + _SIZE + _BELOW
    body = "".join(_row(plot, number * row) for number, plot in enumerate(plots))
    size = f'width="{width}" height="{len(plots) * row}" viewBox="0 0 {width} {len(plots) * row}"'
    back = '<rect width="100%" height="100%" fill="#fff"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{_STYLE}</style>{back}{body}</svg>\n'


def _row(plot: Plot, top: int) -> str:
    points, chosen = plot.curve.points, plot.curve.chosen
    shares = _Panel(_LEFT, top + _TOP, points[0].threshold, points[-1].threshold)
    roc = _Panel(_LEFT + _SIZE + _GAP, top + _TOP, 0.0, 1.0)
    lines: list[tuple[str, str, Callable[[Point], float | None]]] = [
        (plot.must, _RECALL, lambda point: point.recall),
        (plot.may, _FALSE, lambda point: point.false_share),
        ("precision", _PRECISION, lambda point: point.precision),
    ]
    parts = [_text(_LEFT, top + 24, plot.title, "t"), _axes(shares, "threshold"), _axes(roc, plot.may)]
    for number, (name, colour, share) in enumerate(lines):
        parts.append(_line(colour, (shares.at(p.threshold, y) for p in points if (y := share(p)) is not None)))
        parts.append(_text(_LEFT + number * 150, top + _TOP + _SIZE + 56, f"— {name}", style=f"fill:{colour}"))
    x, _ = shares.at(chosen.threshold, 0)
    parts.append(f'<line class="m" x1="{x:.1f}" x2="{x:.1f}" y1="{shares.top}" y2="{shares.top + _SIZE}"/>')
    parts.append(_text(x + 4, shares.top + _SIZE / 2, f"{chosen.threshold:.2f}"))
    parts.append(_line(_RECALL, (roc.at(p.false_share, p.recall) for p in points)))
    x, y = roc.at(chosen.false_share, chosen.recall)
    parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{_FALSE}"/>')
    said = f"{chosen.threshold:.2f}: {plot.must} {chosen.recall:.1%}, {plot.may} {chosen.false_share:.1%}"
    parts.append(_text(roc.left, top + _TOP + _SIZE + 56, said))
    return "".join(parts)


def _axes(panel: _Panel, name: str) -> str:
    parts = []
    for tick in range(6):
        share = tick / 5
        x, _ = panel.at(panel.low + share * (panel.high - panel.low), 0)
        _, y = panel.at(panel.low, share)
        right, below = panel.left + _SIZE, panel.top + _SIZE
        parts.append(f'<line class="g" x1="{panel.left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<line class="g" x1="{x:.1f}" x2="{x:.1f}" y1="{panel.top}" y2="{below}"/>')
        parts.append(_text(panel.left - 36, y + 4, f"{share:.0%}"))
        parts.append(_text(x - 10, below + 16, f"{panel.low + share * (panel.high - panel.low):.1f}"))
    parts.append(_text(panel.left + _SIZE / 2 - 30, panel.top + _SIZE + 34, name))
    return "".join(parts)


def _line(colour: str, points: Iterable[tuple[float, float]]) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="c" stroke="{colour}" points="{path}"/>'


def _text(x: float, y: float, said: str, kind: str = "", *, style: str = "") -> str:
    attributes = (f' class="{kind}"' if kind else "") + (f' style="{style}"' if style else "")
    return f'<text x="{x:.1f}" y="{y:.1f}"{attributes}>{escape(said)}</text>'
