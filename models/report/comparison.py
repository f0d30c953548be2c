"""A report held against an earlier one: which figures moved, what fails now, what no longer does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_LESS_IS_BETTER = ("false_escalations", "latency_ms", "model_calls", "most_model_calls", "spend")
# How long something took says as much about the machine as about the change.
_NOISY = ("latency_ms", "seconds")
_NO_QUALITY = ("cases", "questions", "answers", "turns", "replays", "cited_cases", "confusion", "reasons")


def compare_reports(now: Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """None without an earlier report. `regressions` are figures of quality that got worse. Times are none, nor are
    figures of a set that grew or shrank, which `resized` names with its sizes: they are of other cases."""
    if before is None:
        return None
    figures, earlier = dict(figures_of(now)), dict(figures_of(before))
    moved = [
        {"figure": name, "before": earlier[name], "now": value, "better": _is_better(name, value, earlier[name])}
        for name, value in figures.items()
        if name in earlier and value != earlier[name]
    ]
    failing, failed = failures_of(now), failures_of(before)
    sizes, earlier_sizes = sizes_of(now), sizes_of(before)
    resized = {name: [size, sizes[name]] for name, size in earlier_sizes.items() if sizes.get(name, size) != size}
    worse = [str(each["figure"]) for each in moved if not each["better"]]
    return {
        "before": before.get("created_at", ""),
        "configuration_changed": _changed(now, before),
        "moved": moved,
        "resized": resized,
        "regressions": [
            figure
            for figure in worse
            if not _is_noisy(figure) and not figure.startswith(("spend.", *(f"{name}." for name in resized)))
        ],
        "newly_failing": {
            name: sorted(ids - failed.get(name, set()))
            for name, ids in failing.items()
            if ids - failed.get(name, set())
        },
        "newly_passing": {
            name: sorted(ids - failing.get(name, set()))
            for name, ids in failed.items()
            if ids - failing.get(name, set())
        },
    }


def figures_of(report: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Every figure that can be better or worse, by its place in the report."""
    for section in ("messages", "retrieval", "sentiment", "conversations", "spend"):
        yield from _numbers(section, report.get(section, {}))


def failures_of(report: Mapping[str, Any]) -> dict[str, set[str]]:
    """The ids of failing cases by section."""
    found: dict[str, set[str]] = {}
    for section in ("messages", "retrieval", "sentiment", "conversations"):
        part = report.get(section, {})
        if "failures" in part:
            found[section] = {str(each["id"]) for each in part["failures"]}
        for name, inner in part.items():
            if isinstance(inner, Mapping) and "failures" in inner:
                found[f"{section}.{name}"] = {str(each["id"]) for each in inner["failures"]}
    return found


def sizes_of(report: Mapping[str, Any]) -> dict[str, int]:
    """How many cases each set has, by its section."""
    parts = {"retrieval": report.get("retrieval", {}), "conversations": report.get("conversations", {})}
    for section in ("messages", "sentiment"):
        parts |= {f"{section}.{name}": inner for name, inner in report.get(section, {}).items()}
    sizes = {name: part.get("cases", part.get("questions")) for name, part in parts.items()}
    return {name: size for name, size in sizes.items() if size is not None}


def _numbers(place: str, value: Any) -> Iterator[tuple[str, float]]:
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int | float):
        yield place, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in _NO_QUALITY and name != "failures":
                yield from _numbers(f"{place}.{name}", inner)


def _is_better(name: str, now: float, before: float) -> bool:
    less = any(word in name for word in _LESS_IS_BETTER)
    return now < before if less else now > before


def _is_noisy(name: str) -> bool:
    return any(word in name for word in _NOISY)


def _changed(now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, list[Any]]:
    mine, theirs = now.get("configuration", {}), before.get("configuration", {})
    return {name: [theirs.get(name), value] for name, value in mine.items() if theirs.get(name) != value}
