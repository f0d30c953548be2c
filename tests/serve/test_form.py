"""The web form's door through HAProxy and Serve: streams, a real browser, limits, and what the logs keep."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest
from playwright.async_api import expect

from serve_app.supervisor.run_folder import RunFolder
from tests.e2e.browser import CHROMIUM, chromium, visit
from tests.serve.system import REPLY_PATIENCE_S, Question, RunningSystem


def bearer(question: Question) -> dict[str, str]:
    return {"Authorization": f"Bearer {question.access_token}"}


def test_a_reply_arrives_by_event_while_the_stream_is_open(system: RunningSystem) -> None:
    question = system.ask("How do I invite a colleague to my workspace?")
    deadline = time.monotonic() + REPLY_PATIENCE_S
    # The server ends a stream after a while, and a browser opens it again.
    while (body := first_reply_told(system, question)) is None:
        assert time.monotonic() < deadline, system.log_end()
    assert body == system.replies(question)[0]


def first_reply_told(system: RunningSystem, question: Question) -> str | None:
    """The first reply that one stream tells; None when it ends without any."""
    event = ""
    path = f"/support/ticket/{question.ticket_id}/events"
    with system.http.stream("GET", path, headers=bearer(question), timeout=120) as response:
        assert response.status_code == 200
        for line in response.iter_lines():
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
            if event == "reply" and line.startswith("data: "):
                return str(json.loads(line.removeprefix("data: "))["body"])
    return None


@pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium")
async def test_a_question_typed_in_the_browser_is_answered_there(system: RunningSystem) -> None:
    async with chromium() as browser, visit(browser) as seen:
        page = seen.page
        await page.goto(f"http://127.0.0.1:{system.port}/")
        await page.get_by_label("Your name").fill("Ada Example")
        await page.get_by_label("E-mail").fill("ada@example.com")
        await page.get_by_label("Subject").fill("Inviting")
        await page.get_by_label("Message", exact=True).fill("How do I invite a colleague to my workspace?")
        await page.get_by_role("button", name="Send request").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"^TF-\d{8}-\d{4,}$"))
        answers = page.get_by_role("log").get_by_role("listitem")
        await expect(answers).to_have_count(2)
        await expect(answers.last).to_contain_text(re.compile("invite", re.IGNORECASE))
        assert seen.complaints == []


def test_limits_hold_behind_the_proxy(system: RunningSystem) -> None:
    json_type = {"Content-Type": "application/json"}
    for content, status in (
        (b"{", 400),
        (b"\xff", 400),
        (b"x" * 100_000, 413),
        ((b"x" * 1_000 for _ in range(100)), 413),
        (b"[]", 422),
    ):
        response = system.http.post("/support/submit", content=content, headers=json_type)
        assert response.status_code == status
        assert "detail" in response.json()
    assert system.http.get("/nowhere").json() == {"detail": "Not Found"}
    assert system.http.post("/support/submit").status_code == 415


def test_a_synthetic_message_runs_through_every_stage(system: RunningSystem) -> None:
    response = system.http.post("/test/queue", headers=system.operator, json={"timeout_s": 50}, timeout=120)
    assert response.status_code == 200, response.text
    result = response.json()
    assert (result["outcome"], result["delivery"]) == ("reply", "sent")
    assert {"accept", "commit", "deliver"} < set(result["stages_ms"])


def test_no_log_holds_a_token_or_what_a_customer_wrote(system: RunningSystem) -> None:
    question = system.ask("How do I invite the colleague Zacharias-Xylophon?", "xylophon@example.com")
    system.wait_for_reply(question)
    path = f"/support/ticket/{question.ticket_id}"
    assert system.http.get(f"{path}?token={question.access_token}").status_code == 200
    logs = [path for path in files_below(system.home) if path.suffix in (".log", ".out", ".err")]
    logs += files_below(RunFolder(system.home).ray_logs.resolve())
    assert logs
    for secret in (question.access_token, "Xylophon", "xylophon"):
        holders = [str(log) for log in logs if secret.encode() in content_of(log)]
        assert holders == [], f"{secret} in {holders}"


def files_below(folder: Path) -> list[Path]:
    """Without what goes away while it looks."""
    found = (Path(root) / name for root, _, names in os.walk(folder) for name in names)
    return [path for path in found if path.is_file()]


def content_of(log: Path) -> bytes:
    """Empty for one that was rotated away since it was listed."""
    try:
        return log.read_bytes()
    except FileNotFoundError:
        return b""
