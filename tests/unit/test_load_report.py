"""Results become JSON and a page that show what was measured and whether it met its target."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crm.audit import AuditReport
from load.charts import bar_chart, stage_chart
from load.figures import Recorded, Turn
from load.load_report import LoadRun, read_requests, to_result
from load.report_page import render_page
from load.results import Figure, Result, Section, Table, shown


def _result() -> Result:
    table = Table("By <process>", ("process", "MiB"), (("a & b", 10.0), ("c", 5.0)), chart="bars")
    section = Section(
        "memory",
        "Idle memory",
        "Measured <so>.",
        (
            Figure("idle memory", 2.5, "GiB", at_most=2.8),
            Figure("ratio", 0.8, "", at_least=0.85),
            Figure("unmeasured", float("nan"), "ms", at_most=50),
            Figure("idle CPU", 12, "%"),
        ),
        (table,),
    )
    return Result("2026-01-01T00:00:00+00:00", {"cores": 2}, [section])


def test_a_figure_meets_its_target_or_misses_it() -> None:
    most, least, unmeasured, plain = _result().figures
    assert (most.met, least.met, unmeasured.met, plain.met) == (True, False, False, None)


def test_json_holds_verdicts_and_null_for_what_was_not_measured() -> None:
    plain = json.loads(json.dumps(_result().as_json(), allow_nan=False))
    figures = plain["sections"][0]["figures"]
    assert [figure["met"] for figure in figures] == [True, False, False, None]
    assert figures[2]["value"] is None
    assert plain["sections"][0]["tables"][0]["rows"] == [["a & b", 10.0], ["c", 5.0]]


def test_the_page_shows_verdicts_and_escapes_what_it_shows() -> None:
    page = render_page(_result(), "A report")
    assert page.count(">met<") == 1
    assert page.count(">missed<") == 2
    assert "not measured" in page
    assert "a &amp; b" in page
    assert "By &lt;process&gt;" in page
    assert "<so>" not in page
    assert "<script" not in page


def test_bars_are_as_long_as_their_values() -> None:
    chart = bar_chart(_result().sections[0].tables[0])
    assert 'width="520.0"' in chart
    assert 'width="260.0"' in chart


def test_stages_share_one_bar() -> None:
    table = Table("t", ("run", "embed", "search"), (("one", 3.0, 1.0),), chart="stages")
    chart = stage_chart(table)
    assert 'width="390.0"' in chart
    assert 'width="130.0"' in chart


def test_numbers_are_shown_with_three_digits() -> None:
    assert [shown(value) for value in (0, 0.0, 0.01234, 1.2345, 45.67, 80, 123.4, 45678)] == [
        "0", "0", "0.0123", "1.23", "45.7", "80", "123", "45,678",
    ]  # fmt: skip


def test_a_load_run_tells_requests_stages_and_findings(tmp_path: Path) -> None:
    file = tmp_path / "requests.json"
    submits = {"5": 50, "9": 9, "20": 1}
    replies = {"80": 58, "300": 1, "400": 1}
    entries = [
        {"method": method, "name": name, "num_requests": 60, "num_failures": failed, "response_times": times,
         "max_response_time": most}
        for method, name, failed, times, most in (
            ("REPLY", "accept to reply shown (stream)", 1, replies, 400.4),
            ("POST", "/support/submit", 0, submits, 20.2),
        )
    ]  # fmt: skip
    file.write_text(json.dumps(entries))
    assert [row.name for row in read_requests(file)] == ["/support/submit", "accept to reply shown (stream)"]
    assert read_requests(tmp_path / "never written") == []
    turn = Turn("reply", "answer", {"embed": 12.0, "queue_wait": 3.0, "turn": 30.0}, 40.0)
    recorded = Recorded(accepts=[2.0], turns=[turn], deliveries=[4.0], delivered_end_to_end=[45.0])
    audited = AuditReport(("message m-1 has two replies",), {"messages": 61})
    run = LoadRun(10, 30, read_requests(file), recorded, audited, None, "load-locust.html")
    result = to_result(run, ["messages were still unanswered", *audited.findings])
    by_name = {figure.name: figure for figure in result.figures}
    assert (by_name["failed requests"].value, by_name["failed requests"].met) == (1, False)
    assert by_name["requests a second"].value == 2.0
    assert by_name["replies delivered a minute"].value == 2.0
    assert (by_name["findings"].met, by_name["everything answered after the run's end"].met) == (False, False)
    tables = {table.title: table.rows for section in result.sections for table in section.tables}
    assert tables["Replies"] == (("accept to reply shown (stream)", 60, 1, 80.0, 80.0, pytest.approx(341.0), 400.4),)
    assert ("embed", 1, 12.0, 12.0, 12.0, 12.0) in tables["Stages"]
    assert tables["Ends of turns"] == (("reply", 1),)
    page = render_page(result, "Load run")
    assert '<p class="missed">messages were still unanswered</p>' in page
    assert page.count("message m-1 has two replies") == 2
