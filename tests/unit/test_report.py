"""An evaluation's report: its figures, what changed since the one before, and the page."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from agents.items import ModelResponse
from agents.usage import Usage as ModelUsage

from agent.errors import BadInput, ModelAway
from agent.records import Channel, ReasonCode
from models.conversations import Replay, TurnSeen, parse_conversations
from models.evaluation import EvalResult
from models.evaluation_cases import EvalCase, parse_cases
from models.metering import MeteredModel, Usage
from models.moods import Mood, MoodCase, mood_of, parse_moods
from models.report.comparison import compare_reports
from models.report.figures import (
    Observed,
    conversation_section,
    message_section,
    mood_section,
    percentiles,
    retrieval_section,
)
from models.report.page import render_page
from models.retrieval import RetrievalQuestion
from serve_app.eval_report import FORMAT, find_last, read_report, write_report
from tests.unit.test_conversations import CASE

CASES = [
    EvalCase("a", Channel.EMAIL, "How?", (), "reply", None, ("export",)),
    EvalCase("b", Channel.EMAIL, "Money <back>", (), "escalate", ReasonCode.REFUND_REQUEST),
    EvalCase("c", Channel.WHATSAPP, "Sue you", (), "escalate", ReasonCode.LEGAL_ISSUE),
    EvalCase("d", Channel.WHATSAPP, "unlabelled"),
]
RESULTS = [
    EvalResult("a", "reply", None, 0.0, ("export", "import"), "Choose Export."),
    EvalResult("b", "escalate", "refund_request", 0.0, (), "A colleague."),
    EvalResult("c", "escalate", "refund_request", -0.5, (), "A colleague."),
    EvalResult("d", "reply", None, 0.0, (), "Hm."),
]
OBSERVED = [Observed(10.0, 1, 3, 4), Observed(5.0, 0), Observed(5.0, 0), Observed(20.0, 2, 2, 2)]
QUESTIONS = [RetrievalQuestion(id=n, query=f"q{n}", articles=["x"]) for n in range(4)]
FOUND = {"dense": [["x"], ["y"], ["y", "x"], []], "hybrid": [["x"], ["y", "z", "x"], ["x"], [*"abcdefghi", "x"]]}


def make_report(results: list[EvalResult] = RESULTS, hybrid: list[list[str]] = FOUND["hybrid"]) -> dict[str, Any]:
    (case,) = parse_conversations([json.dumps(CASE)])
    turn = TurnSeen("reply", "answer", ("export",), "Choose Export.", 7.0, 1, 1, 1)
    runs = [Replay((turn,), ()), Replay((turn,), ("turn 1: says 'x'",))]
    return {
        "format": FORMAT,
        "created_at": "2026-11-22T10:00:00+00:00",
        "configuration": {"language_model": "offline", "replays": 2},
        "messages": {"own": message_section(CASES, results, OBSERVED)},
        "conversations": conversation_section([case], {case.id: runs}),
        "retrieval": retrieval_section(QUESTIONS, {**FOUND, "hybrid": hybrid}, "hybrid"),
        "sentiment": {"own": mood_section([MoodCase(mood=Mood.UPSET, text="grr")], [Mood.NEUTRAL])},
        "spend": {"model_calls": 3, "input_tokens": 0, "output_tokens": 0, "cost": None},
        "seconds": 1.5,
    }


def test_messages_are_counted_with_their_confusion_and_failures() -> None:
    section = make_report()["messages"]["own"]
    assert (section["cases"], section["accuracy"], section["cited_right"]) == (3, round(2 / 3, 4), 1.0)
    assert section["reasons"]["refund_request"] == {"cases": 1, "recall": 1.0, "precision": 0.5}
    confusion = {(each["expected"], each["given"]): each["cases"] for each in section["confusion"]}
    assert confusion == {
        ("reply", "reply"): 1,
        ("refund_request", "refund_request"): 1,
        ("legal_issue", "refund_request"): 1,
    }
    assert [each["id"] for each in section["failures"]] == ["c"]
    assert section["groundedness"] == {"answers": 2, "wholly": 0.5, "sentences": round(5 / 6, 4)}
    assert (section["model_calls"], section["most_model_calls"]) == (3, 2)


def test_ranks_give_hits_and_what_is_not_in_five_fails() -> None:
    section = make_report()["retrieval"]
    assert section["modes"]["hybrid"] == {"hit@1": 0.5, "hit@3": 0.75, "hit@5": 0.75, "hit@10": 1.0,
                                          "mrr": round((1 + 1 / 3 + 1 + 1 / 10) / 4, 4)}  # fmt: skip
    assert [each["id"] for each in section["failures"]] == ["3"]


@pytest.mark.parametrize(("values", "p50", "p95"), [([], None, None), ([3.0], 3.0, 3.0), (list(range(1, 101)), 50, 95)])
def test_percentiles_are_of_the_nearest_rank(values: list[float], p50: float | None, p95: float | None) -> None:
    found = percentiles(values)
    assert (found["p50"], found["p95"]) == (p50, p95)


def test_a_mood_is_a_range_of_scores() -> None:
    assert [mood_of(score, -0.3) for score in (-0.31, -0.3, 0.35, 0.36)] == ["upset", "neutral", "neutral", "pleased"]
    with pytest.raises(BadInput, match="line 1"):
        parse_moods(['{"mood": "cross", "text": "x"}'])


def test_a_run_is_compared_with_the_one_before() -> None:
    before = make_report()
    worse = [*RESULTS[:1], EvalResult("b", "reply", None, 0.0, (), "Hm."), *RESULTS[2:]]
    now = make_report(worse, hybrid=[["x"]] * 4) | {"created_at": "2026-11-23T10:00:00+00:00"}
    now["configuration"] = {"language_model": "gpt-4o", "replays": 2}
    comparison = compare_reports(now, before)
    assert comparison is not None
    assert comparison["configuration_changed"] == {"language_model": ["offline", "gpt-4o"]}
    assert comparison["newly_failing"] == {"messages.own": ["b"]}
    assert comparison["newly_passing"] == {"retrieval": ["3"]}
    assert "messages.own.accuracy" in comparison["regressions"]
    moved = {each["figure"]: each["better"] for each in comparison["moved"]}
    assert moved["retrieval.modes.hybrid.mrr"]
    assert compare_reports(now, None) is None
    same = compare_reports(before, before)
    assert same is not None
    assert not any(same[name] for name in ("moved", "regressions", "newly_failing", "newly_passing"))


def test_less_is_better_for_needless_escalations_and_slowness_is_no_regression() -> None:
    before, now = make_report(), make_report()
    now["messages"]["own"]["false_escalations"] = 0.2
    now["messages"]["own"]["latency_ms"]["p50"] = 99.0
    comparison = compare_reports(now, before)
    assert comparison is not None
    assert comparison["regressions"] == ["messages.own.false_escalations"]


def test_figures_of_a_set_that_grew_are_no_regressions() -> None:
    before, now = make_report(), make_report()
    before["retrieval"]["modes"]["hybrid"]["mrr"] = 0.9
    before["messages"]["own"]["accuracy"] = 1.0
    before["retrieval"]["questions"] = 3
    comparison = compare_reports(now, before)
    assert comparison is not None
    assert comparison["resized"] == {"retrieval": [3, 4]}
    assert comparison["regressions"] == ["messages.own.accuracy"]
    assert "had 3 cases and has 4" in render_page(now, comparison)


class Tags(HTMLParser):
    """What a browser would fetch, and whether every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.fetched += [f"{tag} {name}" for name, _ in attributes if name in ("src", "href", "srcset")]
        if tag not in ("meta", "br", "line", "rect"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("meta", "br", "line", "rect"):
            assert self.open.pop() == tag


def test_the_page_is_whole_by_itself_and_quotes_what_customers_wrote() -> None:
    report = make_report()
    page = render_page(report, compare_reports(report, make_report(hybrid=[["y"]] * 4)))
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert tags.fetched == []
    assert "<script" not in page
    assert "Money &lt;back&gt;" not in page, "it did not fail"
    for shown in ("66.7%", "Sue you", "refund request", "pass^2", "no prices given", "says &#x27;x&#x27;"):
        assert shown in page
    assert "no earlier run" in render_page(report, None)


def test_a_report_is_kept_for_the_next_run(tmp_path: Path) -> None:
    folder = tmp_path / "eval"
    assert find_last(folder) is None
    write_report(folder, make_report(), "<p>")
    assert find_last(folder) == make_report()
    assert {file.name for file in folder.iterdir()} == {"report.json", "report.html"}
    (folder / "report.json").write_text('{"format": 0}')
    assert find_last(folder) is None
    with pytest.raises(BadInput, match="no report of this version"):
        read_report(folder / "report.json")
    with pytest.raises(BadInput, match="cannot be written"):
        write_report(folder / "report.json", make_report(), "<p>")


async def test_what_a_model_uses_is_counted_around_it() -> None:
    usage = Usage()
    spent = ModelResponse(output=[], usage=ModelUsage(input_tokens=300, output_tokens=20), response_id=None)

    class Scripted:
        async def get_response(self, *args: object) -> ModelResponse:
            if not args:
                raise ModelAway("away")
            return spent

    metered = MeteredModel(Scripted(), usage)  # type: ignore[arg-type]
    assert await metered.get_response("instructions") is spent
    with pytest.raises(ModelAway):
        await metered.get_response()
    assert usage == Usage(calls=2, input_tokens=300, output_tokens=20)


def test_articles_of_a_case_are_for_figures_only() -> None:
    lines = ['{"id": 1, "channel": "email", "text": "x", "expected_articles": ["a", 5]}',
             '{"id": 2, "channel": "email", "text": "x", "expected_articles": "whatever"}']  # fmt: skip
    assert [case.expected_articles for case in parse_cases(lines)] == [("a",), ()]
