"""What became of each turn, read from what was committed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from crm.database import Database

_ENDED = """
SELECT o.kind, o.reason, o.trace, c.channel, coalesce(m.model_calls, 0) AS calls, m.fallback, m.problem,
       coalesce(m.total_ms, 0) / 1000 AS model_s, m.input_tokens, m.output_tokens,
       (SELECT body FROM messages WHERE outcome_id = o.outcome_id AND direction = 'inbound' LIMIT 1) AS asked,
       (SELECT body FROM messages WHERE conversation_id = o.conversation_id AND author = 'fte'
        ORDER BY created_at DESC LIMIT 1) AS said
FROM outcomes o
JOIN conversations c ON c.conversation_id = o.conversation_id
LEFT JOIN agent_metrics m ON m.conversation_id = o.conversation_id AND m.kind = 'model'
ORDER BY o.created_at
"""


class End(StrEnum):
    SENT = "sent"
    """The model's words passed the guardrails."""
    WITHHELD = "withheld"
    """They did not, or nothing matched that they could be from: a person has them."""
    HANDED_OVER = "handed over by the model"
    RULED = "handed over by a rule before it was asked"
    CUT_SHORT = "cut short"
    UNUSABLE = "otherwise of no use"
    FALLBACK = "answered without it"


@dataclass(frozen=True)
class TurnEnd:
    end: End
    channel: str
    asked: str
    said: str
    """What the customer got."""
    detail: str
    calls: int
    model_s: float
    input_tokens: int
    output_tokens: int

    def __str__(self) -> str:
        took = f"{self.model_s:.1f} s, {self.input_tokens} + {self.output_tokens} tokens"
        return f"{self.channel} {self.asked[:60]!r}: {self.end} {self.detail} ({took})\n    {self.said!r}"


async def turn_ends(database: Database) -> list[TurnEnd]:
    """Of conversations of one turn each. Fails on a reply of the model that no guardrail has seen."""
    async with database.connection() as connection:
        rows = await connection.fetch(_ENDED)
    return [
        TurnEnd(
            *_end(row),
            **{name: row[name] or 0 for name in ("calls", "model_s", "input_tokens", "output_tokens")},
        )
        for row in rows
    ]


def counted(ends: Iterable[TurnEnd]) -> str:
    return ", ".join(f"{count} {end}" for end, count in Counter(turn.end for turn in ends).most_common())


def _end(row: Any) -> tuple[End, str, str, str, str]:
    def told(end: End, detail: str = "") -> tuple[End, str, str, str, str]:
        return end, row["channel"], row["asked"], row["said"], detail

    steps = {step["name"]: step for step in row["trace"]}
    judged = steps.get("guardrails")
    if row["kind"] == "reply":
        assert judged is not None, "nothing of a model is sent unguarded"
        assert judged["seen"]["kept"] is True
    if row["fallback"] is not None:
        return told(End.FALLBACK, row["problem"])
    if not row["calls"]:
        return told(End.RULED, row["reason"])
    if row["problem"]:
        return told(End.CUT_SHORT if "cut short" in row["problem"] else End.UNUSABLE, row["problem"])
    if row["kind"] == "reply":
        return told(End.SENT, row["reason"])
    if judged is not None:
        return told(End.WITHHELD, judged["result"])
    return told(End.WITHHELD if "send_response" in steps else End.HANDED_OVER, row["reason"])
