"""A report as one self-contained page: no script, nothing that is fetched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from models.report.plots import bars, heat

_MODES = {"dense": "by meaning alone", "text": "by words alone", "hybrid": "hybrid"}
_SHOWN_FAILURES = 200

Html = str


def render_page(report: Mapping[str, Any], comparison: Mapping[str, Any] | None) -> Html:
    css = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
    moved = {each["figure"]: each for each in comparison["moved"]} if comparison else {}
    body = [_head(report), _cards(report, moved), _comparison(comparison)]
    for name, section in report.get("messages", {}).items():
        body.append(_messages(name, section))
    if "conversations" in report:
        body.append(_conversations(report["conversations"]))
    if "retrieval" in report:
        body.append(_retrieval(report["retrieval"]))
    body += [_sentiment(report.get("sentiment", {})), _costs(report)]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Evaluation</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{css}</style></head><body><main>{''.join(body)}</main></body></html>\n"
    )


def _head(report: Mapping[str, Any]) -> Html:
    configuration = report["configuration"]
    facts = ", ".join(f"{_words(name)} {value}" for name, value in configuration.items())
    at = str(report["created_at"]).replace("T", " ")
    return f'<h1>Evaluation</h1><p class="soft">{escape(at)} · {escape(facts)} · {report["seconds"]:g} s</p>'


def _cards(report: Mapping[str, Any], moved: Mapping[str, Any]) -> Html:
    wanted = [(f"messages.{name}.accuracy", f"right, {name}") for name in report.get("messages", {})]
    wanted += [
        (f"messages.{name}.false_escalations", f"needlessly escalated, {name}") for name in report.get("messages", {})
    ]
    wanted += [
        ("retrieval.modes.hybrid.hit@5", "right article in five"),
        ("conversations.pass.pass^1", "conversations"),
    ]
    wanted += [(f"conversations.pass.pass^{k}", f"all of {k} replays") for k in (4,)]
    wanted += [("conversations.groundedness.sentences", "sentences with a source")]
    wanted += [(f"sentiment.{name}.accuracy", f"mood, {name}") for name in report.get("sentiment", {})]
    cards = []
    for place, label in wanted:
        value = _at(report, place)
        if value is not None:
            cards.append(
                f'<div class="card"><b>{value:.1%}</b><span>{escape(label)}</span>{_delta(moved.get(place))}</div>'
            )
    return f'<div class="cards">{"".join(cards)}</div>'


def _delta(moved: Mapping[str, Any] | None) -> Html:
    if moved is None:
        return ""
    points = (moved["now"] - moved["before"]) * 100
    return f' <em class="{"better" if moved["better"] else "worse"}">{points:+.1f} points</em>'


def _comparison(comparison: Mapping[str, Any] | None) -> Html:
    if comparison is None:
        return '<p class="soft">There is no earlier run to compare with.</p>'
    worse, failing, passing = comparison["regressions"], comparison["newly_failing"], comparison["newly_passing"]
    fine = "" if worse or failing else " fine"
    verdict = f"{_count(len(worse), 'figure')} worse" if worse else "no figure is worse"
    parts = [f"<h3>Against the run of {escape(str(comparison['before']).replace('T', ' '))}: {verdict}</h3>"]
    for name, (before, now) in comparison["configuration_changed"].items():
        parts.append(f"<p>{escape(_words(name))}: {escape(str(before))} → {escape(str(now))}</p>")
    for name, (before, now) in comparison["resized"].items():
        parts.append(f"<p>{escape(_words(name))} had {before} cases and has {now}: its figures are of others.</p>")
    for title, ids in (("Fail now", failing), ("Pass now", passing)):
        for name, each in ids.items():
            parts.append(f"<p><b>{title}</b> ({escape(_words(name))}): {escape(', '.join(each))}</p>")
    if comparison["moved"]:
        rows = [
            [
                escape(each["figure"]),
                _number(each["before"]),
                _number(each["now"]),
                "better" if each["better"] else "worse",
            ]
            for each in comparison["moved"]
        ]
        table = _table(("figure", "before", "now", ""), rows, numbers=(1, 2))
        parts.append(f"<details><summary>{_count(len(rows), 'figure')} moved</summary>{table}</details>")
    return f'<div class="panel notice{fine}">{"".join(parts)}</div>'


def _messages(name: str, section: Mapping[str, Any]) -> Html:
    reasons = [(_words(reason), (row["recall"], row["precision"])) for reason, row in section["reasons"].items()]
    shares = [
        ("right action and reason", section["accuracy"]),
        ("goes to a person, of what must", section["escalation_recall"]),
        ("for the right reason, of what must", section["reason_accuracy"]),
        ("goes to a person, of what may be answered", section["false_escalations"]),
        ("an article that answers is cited, where known", section["cited_right"]),
        ("answers whose every sentence has a source", section["groundedness"]["wholly"]),
    ]
    table = _table(("", "share"), [[escape(label), _percent(value)] for label, value in shares], numbers=(1,))
    confusion = heat([(each["expected"], each["given"], each["cases"]) for each in section["confusion"]])
    return (
        f"<h2>Messages: {escape(name)} <span class='soft'>({section['cases']} labelled)</span></h2>"
        f'<div class="grid"><div class="panel"><h3>Decisions</h3>{table}</div>'
        f'<div class="panel"><h3>By reason</h3>{bars(reasons, ("recall", "precision"))}</div></div>'
        f'<div class="panel wide"><h3>What was expected, and what was given</h3>{confusion}</div>'
        f"{_failures(section['failures'])}"
    )


def _conversations(section: Mapping[str, Any]) -> Html:
    plot = bars([(name, (value,)) for name, value in section["pass"].items()], ("pass",))
    grounded = section["groundedness"]
    rows = [
        ["replays of each", str(section["replays"])],
        ["turns", str(section["turns"])],
        ["answers whose every sentence has a source", _percent(grounded["wholly"])],
        ["sentences with a source", _percent(grounded["sentences"])],
    ]
    return (
        f"<h2>Conversations <span class='soft'>({section['cases']})</span></h2><div class='grid'>"
        f"<div class='panel'><h3>pass^k: all of k replays are right</h3>{plot}</div>"
        f"<div class='panel'><h3>Replays</h3>{_table(('', ''), rows, numbers=(1,))}</div></div>"
        f"{_failures(section['failures'])}"
    )


def _retrieval(section: Mapping[str, Any]) -> Html:
    names = [name for name in next(iter(section["modes"].values())) if name != "mrr"]
    rows = [(name, [figures[name] for figures in section["modes"].values()]) for name in names]
    rows.append(("MRR", [figures["mrr"] for figures in section["modes"].values()]))
    plot = bars(rows, [_MODES.get(mode, mode) for mode in section["modes"]])
    return (
        f"<h2>Retrieval <span class='soft'>({section['questions']} questions)</span></h2>"
        f'<div class="panel">{plot}</div>{_failures(section["failures"])}'
    )


def _sentiment(section: Mapping[str, Any]) -> Html:
    if not section:
        return ""
    parts = ["<h2>Sentiment</h2>", '<div class="grid">']
    for name, each in section.items():
        confusion = heat([(cell["expected"], cell["given"], cell["cases"]) for cell in each["confusion"]])
        title = f"{escape(name)}: {_percent(each['accuracy'])} of {each['cases']}"
        parts.append(f'<div class="panel"><h3>{title}</h3>{confusion}</div>')
    parts.append("</div>")
    parts += [_failures(each["failures"]) for each in section.values()]
    return "".join(parts)


def _costs(report: Mapping[str, Any]) -> Html:
    rows = []
    for name, section in (*report.get("messages", {}).items(), ("conversations", report.get("conversations"))):
        if section is None:
            continue
        times = section["latency_ms"]
        how = "one at a time, with its commit" if name == "conversations" else "four at once"
        row = [escape(name), how, *(_number(times[each]) for each in ("p50", "p90", "p95", "p99"))]
        rows.append([*row, str(section["model_calls"]), str(section["most_model_calls"])])
    spend = report["spend"]
    cost = "no prices given" if spend["cost"] is None else f"{spend['cost']:g}"
    head = ("turns", "run", "p50 ms", "p90 ms", "p95 ms", "p99 ms", "model calls", "most in a turn")
    return (
        f'<h2>Time and cost</h2><div class="panel wide">{_table(head, rows, numbers=range(2, 8))}'
        f'<p class="soft">{spend["model_calls"]} calls of the language model, {spend["input_tokens"]} tokens in, '
        f"{spend['output_tokens']} out; cost: {escape(cost)}.</p></div>"
    )


def _failures(failures: Sequence[Mapping[str, Any]]) -> Html:
    if not failures:
        return '<p class="soft">Nothing failed.</p>'
    rows = [
        [
            f"<code>{escape(each['id'])}</code>",
            escape(each["text"]) + _more(each),
            escape(_listed(each["expected"])),
            escape(_listed(each["got"])),
        ]
        for each in failures[:_SHOWN_FAILURES]
    ]
    left = f" (the first {_SHOWN_FAILURES} are shown)" if len(failures) > _SHOWN_FAILURES else ""
    table = _table(("", "", "expected", "got"), rows)
    return f"<details><summary>{len(failures)} failed{left}</summary>{table}</details>"


def _more(failure: Mapping[str, Any]) -> Html:
    reply = [failure["reply"]] if failure.get("reply") else []
    lines = [*failure.get("problems", ()), *failure.get("turns", ()), *reply]
    return "".join(f'<br><span class="soft">{escape(line)}</span>' for line in lines)


def _table(head: Iterable[str], rows: Iterable[Sequence[Html]], numbers: Iterable[int] = ()) -> Html:
    right = set(numbers)

    def cells(tag: str, values: Iterable[Html]) -> Html:
        return "".join(
            f'<{tag} class="number">{value}</{tag}>' if place in right else f"<{tag}>{value}</{tag}>"
            for place, value in enumerate(values)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table><thead><tr>{cells('th', head)}</tr></thead><tbody>{body}</tbody></table>"


def _at(report: Mapping[str, Any], place: str) -> float | None:
    value: Any = report
    for name in place.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value if isinstance(value, int | float) else None


def _listed(value: str | Sequence[str]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _words(name: str) -> str:
    return name.replace("_", " ")
