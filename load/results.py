"""What the benchmark found, as records that become JSON, a table on the console, and a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Cell = str | float | int


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. `at_most` or `at_least` is its target, if it has one."""

    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target. What was not measured (NaN) meets none."""
        if self.at_most is not None:
            return self.value <= self.at_most
        if self.at_least is not None:
            return self.value >= self.at_least
        return None

    @property
    def shown(self) -> str:
        return f"{shown(self.value)} {self.unit}".strip()

    @property
    def target_shown(self) -> str:
        if self.at_most is not None:
            return f"at most {shown(self.at_most)} {self.unit}".strip()
        if self.at_least is not None:
            return f"at least {shown(self.at_least)} {self.unit}".strip()
        return ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of equal length. `chart` draws the second column as bars, or every row's numbers as one stacked bar."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    chart: Literal["", "bars", "stages"] = ""

    def shown(self, row: Sequence[Cell]) -> list[str]:
        return [cell if isinstance(cell, str) else shown(cell) for cell in row]


@dataclass(frozen=True, slots=True)
class Section:
    """`method` says in a sentence or two how the figures came about."""

    name: str
    title: str
    method: str
    figures: tuple[Figure, ...]
    tables: tuple[Table, ...] = ()


@dataclass(slots=True)
class Result:
    taken_at: str
    machine: dict[str, Cell]
    sections: list[Section] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """Sections that could not be measured, and why."""

    @property
    def figures(self) -> list[Figure]:
        return [figure for section in self.sections for figure in section.figures]

    def as_json(self) -> dict[str, Any]:
        """Plain values; what was not measured is null."""
        plain: dict[str, Any] = _without_nan(asdict(self))
        for made, section in zip(plain["sections"], self.sections, strict=True):
            for figure_made, figure in zip(made["figures"], section.figures, strict=True):
                figure_made["met"] = figure.met
        return plain


def shown(value: float) -> str:
    """Three significant digits, without an exponent; whole numbers whole."""
    if math.isnan(value):
        return "not measured"
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    if value == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(value)))
    return f"{value:.{min(digits, 4)}f}"


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    return value
