"""`fte inspect-email` prints one JSON line per file, and goes on after one that cannot be read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from serve_app.cli import app
from serve_app.settings import load_settings
from tests.unit.mail.samples import mail

KEYS = ["file", "from", "subject", "text", "quoted_removed", "automatic", "automatic_reason", "bounce",
        "bounced_recipient", "message_id", "references", "attachments"]  # fmt: skip


def test_each_file_is_one_line_of_json_in_order(tmp_path: Path) -> None:
    first, second = tmp_path / "1.eml", tmp_path / "2.eml"
    first.write_bytes(mail("Größe\u2028?\n\nOn 5 May 2025, at 10:12, Support <s@example.net> wrote:\n\n> x"))
    second.write_bytes(mail("Away", "Auto-Submitted: auto-replied", reply=False))
    result = CliRunner().invoke(app, ["inspect-email", str(first), str(second)])
    assert result.exit_code == 0
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [list(line) for line in lines] == [KEYS, KEYS]
    assert lines[0] == {
        "file": str(first),
        "from": "ada@example.com",
        "subject": "Re: Export",
        "text": "Größe\n?",
        "quoted_removed": True,
        "automatic": False,
        "automatic_reason": None,
        "bounce": False,
        "bounced_recipient": None,
        "message_id": "<question.1@example.com>",
        "references": ["<root@example.com>", "<fte.first@example.net>"],
        "attachments": [],
    }
    assert (lines[1]["automatic"], lines[1]["automatic_reason"]) == (True, "auto_submitted")


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_printed(tmp_path: Path) -> None:
    good = tmp_path / "good.eml"
    good.write_bytes(mail("Hello"))
    result = CliRunner().invoke(
        app, ["inspect-email", str(tmp_path / "absent.eml"), str(tmp_path), str(good), "--json"]
    )
    assert result.exit_code == 1
    assert json.loads(result.stdout)["file"] == str(good)
    assert "absent.eml: cannot be read: No such file or directory" in result.stderr
    assert result.stderr.count("cannot be read") == 2


def test_mail_from_our_own_mailbox_is_automatic(tmp_path: Path) -> None:
    file = tmp_path / "own.eml"
    file.write_bytes(mail("Hello", sender="Support <support@example.net>"))
    result = CliRunner().invoke(app, ["inspect-email", "--own", "support@example.net", str(file)])
    assert json.loads(result.stdout)["automatic_reason"] == "own_address"


def test_standard_input_is_read() -> None:
    result = CliRunner().invoke(app, ["inspect-email", "-"], input=mail("Hello"))
    assert json.loads(result.stdout)["text"] == "Hello"


def test_reading_mail_needs_neither_ray_nor_torch() -> None:
    code = (
        "import sys, serve_app.cli, channels.mail.reading, channels.mail.writing;"
        "print([m for m in ('ray', 'torch', 'fastapi', 'asyncpg') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_the_configured_mailbox_is_the_own_one_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "1.eml"
    file.write_bytes(mail("Hello", reply=False))

    def reason(*arguments: str) -> object:
        load_settings.cache_clear()
        result = CliRunner().invoke(app, ["inspect-email", str(file), *arguments])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)["automatic_reason"]

    monkeypatch.delenv("FTE_GMAIL_MAILBOX", raising=False)
    assert reason() is None
    monkeypatch.setenv("FTE_GMAIL_MAILBOX", "Ada@example.com")
    assert reason() == "own_address"
    assert reason("--own", "support@example.net") is None
    monkeypatch.setenv("FTE_GMAIL_MAILBOX", "no address")
    assert reason() is None
    load_settings.cache_clear()
