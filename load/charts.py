"""Charts as inline SVG: horizontal bars, and stacked bars of stages."""

from __future__ import annotations

import html

from load.results import Table, shown

_LABEL, _BAR, _ROW = 230, 520, 26
_COLOURS = (
    "#2f6f9f",
    "#d08a2e",
    "#5a9367",
    "#a3485b",
    "#7a6bb0",
    "#8c8c45",
    "#4aa3a2",
    "#9c6b4f",
    "#667788",
    "#c27ba0",
)


def bar_chart(table: Table) -> str:
    """The first column as labels, the second as lengths."""
    values = [(str(row[0]), float(row[1])) for row in table.rows]
    longest = max((value for _, value in values), default=0) or 1
    parts = []
    for number, (label, value) in enumerate(values):
        top = number * _ROW
        parts.append(_text(0, top, label))
        parts.append(_box(_LABEL, top, _BAR * value / longest, _COLOURS[0], f"{label}: {shown(value)}"))
        parts.append(_text(_LABEL + _BAR * value / longest + 6, top, shown(value)))
    return _svg(parts, len(values))


def stage_chart(table: Table) -> str:
    """The first column as labels, every further column as a part of the row's bar, with a legend."""
    rows = [(str(row[0]), [float(cell) for cell in row[1:]]) for row in table.rows]
    longest = max((sum(cells) for _, cells in rows), default=0) or 1
    parts = []
    for number, (label, cells) in enumerate(rows):
        top, left = number * _ROW, float(_LABEL)
        parts.append(_text(0, top, label))
        for name, cell, colour in zip(table.columns[1:], cells, _COLOURS * len(cells), strict=False):
            width = _BAR * cell / longest
            parts.append(_box(left, top, width, colour, f"{name}: {shown(cell)}"))
            left += width
    for number, (name, colour) in enumerate(zip(table.columns[1:], _COLOURS * len(table.columns), strict=False)):
        top, left = (len(rows) + number // 4) * _ROW, _LABEL + 140.0 * (number % 4)
        parts.append(_box(left, top, 12, colour, name))
        parts.append(_text(left + 18, top, name))
    return _svg(parts, len(rows) + -(-(len(table.columns) - 1) // 4))


def _svg(parts: list[str], rows: int) -> str:
    height, width = rows * _ROW + 4, _LABEL + _BAR + 90
    return (
        f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="13">{"".join(parts)}</svg>'
    )


def _box(left: float, top: float, width: float, colour: str, title: str) -> str:
    return (
        f'<rect x="{left:.1f}" y="{top + 4}" width="{max(width, 0.5):.1f}" height="{_ROW - 8}" fill="{colour}">'
        f"<title>{html.escape(title)}</title></rect>"
    )


def _text(left: float, top: float, text: str) -> str:
    return f'<text x="{left:.1f}" y="{top + _ROW * 0.65:.1f}">{html.escape(text)}</text>'
