"""The table of times fits together, refuses what does not, and is the one that the documentation shows."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from pathlib import Path

import pytest

from agent import times
from agent.errors import ConfigurationInvalid
from agent.times import Times

ARCHITECTURE = Path(__file__).parents[2] / "docs" / "architecture.md"


def documented_times() -> str:
    """The table as Markdown, from the fields and the strings below them."""
    body = ast.parse(inspect.getsource(times)).body
    (definition,) = [node for node in body if isinstance(node, ast.ClassDef)]
    lines = ["| name | value | what |", "|---|---|---|"]
    rows = [node for node in definition.body[1:] if not isinstance(node, ast.FunctionDef)]
    for field, text in zip(rows[::2], rows[1::2], strict=True):
        assert isinstance(field, ast.AnnAssign)
        assert isinstance(field.target, ast.Name)
        assert isinstance(text, ast.Expr)
        value = getattr(Times(), field.target.id)
        lines.append(f"| `{field.target.id}` | {value:g} | {ast.literal_eval(text.value)} |")
    return "\n".join(lines)


def test_defaults_fit_together() -> None:
    Times().check()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("heartbeat_s", 4.0),
        ("lock_confirm_s", 20.0),
        ("model_timeout_s", 90.0),
        ("send_timeout_s", 20.0),
        ("poll_s", 30.0),
        ("pool_size", 1),
    ],
)
def test_a_broken_inequality_is_named(field: str, value: float) -> None:
    with pytest.raises(ConfigurationInvalid, match=field):
        dataclasses.replace(Times(), **{field: value}).check()


def test_unhurried_times_fit_together_too() -> None:
    unhurried = Times().unhurried()
    unhurried.check()
    assert unhurried.statement_timeout_s > 10 * Times().statement_timeout_s
    assert unhurried.model_timeout_s == Times().model_timeout_s, "a provider that hangs is noticed as fast"


def test_documentation_shows_this_table() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    shown = text.split("<!-- times:begin -->")[1].split("<!-- times:end -->")[0].strip()
    assert shown == documented_times()
