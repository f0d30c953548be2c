"""A report as one HTML page without scripts: what went wrong, targets, then each section's tables and charts."""

from __future__ import annotations

import html
from collections.abc import Sequence

from load.charts import bar_chart, stage_chart
from load.results import Figure, Result, Section, Table

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1a1a1a }
table { border-collapse: collapse; margin: 0.8rem 0 1.6rem } caption { text-align: left; font-weight: 600 }
th, td { border-bottom: 1px solid #ddd; padding: 0.25rem 0.8rem 0.25rem 0; text-align: right }
th:first-child, td:first-child { text-align: left }
.met { color: #17692c } .missed { color: #a11a1a; font-weight: 600 } svg { display: block; margin: 0.8rem 0 1.6rem }
"""


def render_page(result: Result, title: str) -> str:
    sections = "".join(_section(section) for section in result.sections)
    machine = ", ".join(f"{name} {value}" for name, value in result.machine.items())
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style><h1>{html.escape(title)}</h1>"
        f"<p>{html.escape(result.taken_at)}; {html.escape(machine)}</p>"
        f"{_failures(result.failures)}{_targets(result.figures)}{sections}</html>\n"
    )


def _failures(failures: Sequence[str]) -> str:
    return "".join(f'<p class="missed">{html.escape(failure)}</p>' for failure in failures)


def _targets(figures: Sequence[Figure]) -> str:
    rows = []
    for figure in figures:
        if figure.met is None:
            continue
        verdict = '<td class="met">met</td>' if figure.met else '<td class="missed">missed</td>'
        rows.append(
            f"<tr><td>{html.escape(figure.name)}</td><td>{figure.shown}</td><td>{figure.target_shown}</td>{verdict}</tr>"
        )
    head = "<tr><th>what</th><th>measured</th><th>target</th><th></th></tr>"
    return f"<h2>Targets</h2><table>{head}{''.join(rows)}</table>"


def _section(section: Section) -> str:
    parts = [f"<h2>{html.escape(section.title)}</h2><p>{html.escape(section.method)}</p>"]
    others = [figure for figure in section.figures if figure.met is None]
    if others:
        rows = "".join(f"<tr><td>{html.escape(figure.name)}</td><td>{figure.shown}</td></tr>" for figure in others)
        parts.append(f"<table>{rows}</table>")
    for table in section.tables:
        parts.append(_table(table))
        if table.chart == "bars":
            parts.append(bar_chart(table))
        elif table.chart == "stages":
            parts.append(stage_chart(table))
    return "".join(parts)


def _table(table: Table) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in table.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in table.shown(row)) + "</tr>" for row in table.rows
    )
    return f"<table><caption>{html.escape(table.title)}</caption><tr>{head}</tr>{rows}</table>"
