"""Plots as inline SVG, in the page's own colours."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

COLOURS = ("--one", "--two", "--three")
_BAR, _LABEL, _WIDTH, _VALUE = 12, 150, 560, 52


def bars(rows: Sequence[tuple[str, Sequence[float | None]]], series: Sequence[str]) -> str:
    """Horizontal bars of shares from 0 to 1, one group a row, with a legend. None is drawn as nothing, marked “–”."""
    step = _BAR * len(series) + 8
    room = _WIDTH - _LABEL - _VALUE
    height = step * len(rows) + 18
    parts = [
        f'<line class="rule" x1="{_LABEL + room * tick / 4:.1f}" x2="{_LABEL + room * tick / 4:.1f}" y1="0" '
        f'y2="{height - 16}"/><text class="faint" x="{_LABEL + room * tick / 4:.1f}" y="{height - 3}" '
        f'text-anchor="middle">{tick * 25} %</text>'
        for tick in range(5)
    ]
    for row, (label, values) in enumerate(rows):
        top = row * step
        middle = top + _BAR * len(series) / 2 + 4
        parts.append(f'<text x="{_LABEL - 8}" y="{middle:.1f}" text-anchor="end">{escape(label)}</text>')
        for place, value in enumerate(values):
            y = top + place * _BAR
            width = room * max(0.0, min(1.0, value or 0.0))
            shown = "–" if value is None else f"{value:.1%}"
            parts.append(
                f'<rect x="{_LABEL}" y="{y + 1}" width="{width:.1f}" height="{_BAR - 2}" rx="2" '
                f'fill="var({COLOURS[place % len(COLOURS)]})"/>'
                f'<text x="{_LABEL + width + 5:.1f}" y="{y + _BAR / 2 + 4:.1f}" class="faint">{shown}</text>'
            )
    said = "; ".join(
        f"{label}: {', '.join('none' if value is None else f'{value:.1%}' for value in values)}"
        for label, values in rows
    )
    legend = "".join(
        f'<span><i style="background: var({COLOURS[place % len(COLOURS)]})"></i>{escape(name)}</span>'
        for place, name in enumerate(series)
    )
    svg = f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(said)}">{"".join(parts)}</svg>'
    return svg + (f'<div class="legend">{legend}</div>' if len(series) > 1 else "")


def heat(cells: Sequence[tuple[str, str, int]]) -> str:
    """A table of what was expected (rows) against what was given (columns); a cell's shade is its share of the row."""
    rows = _in_order([expected for expected, _, _ in cells])
    columns = _in_order([*rows, *(given for _, given, _ in cells)])
    counts = {(expected, given): number for expected, given, number in cells}
    head = "".join(f"<th>{escape(_words(name))}</th>" for name in columns)
    body = []
    for expected in rows:
        total = sum(counts.get((expected, given), 0) for given in columns)
        line = []
        for given in columns:
            number = counts.get((expected, given), 0)
            shade = f' style="background: rgba(var(--heat), {0.08 + 0.6 * number / total:.2f})"' if number else ""
            right = ' class="right"' if given == expected else ""
            line.append(f"<td{right}{shade}>{number or ''}</td>")
        body.append(f"<tr><th>{escape(_words(expected))}</th>{''.join(line)}<td>{total}</td></tr>")
    return (
        f'<table class="confusion"><thead><tr><th>expected ↓ given →</th>{head}<th>all</th></tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table>"
    )


def _in_order(names: Sequence[str]) -> list[str]:
    """Each once; “reply” first, the others by name."""
    return sorted(set(names), key=lambda name: (name != "reply", name))


def _words(name: str) -> str:
    return name.replace("_", " ")
