"""What a person reads first of a handed-over conversation."""

from __future__ import annotations

from agent.records import ReasonCode
from agent.turn.state import TurnState

_MESSAGE_CHARS = 600


def handover_summary(state: TurnState, reason: ReasonCode, note: str) -> str:
    """Why, what the customer wrote, how they feel, and what was tried."""
    context = state.context
    text = " ".join(context.text.split())
    quoted = text if len(text) <= _MESSAGE_CHARS else f"{text[:_MESSAGE_CHARS]}…"
    lines = [f"{reason.value}: {note}" if note else reason.value, f"The customer wrote: {quoted}"]
    if state.sentiments:
        lines.append(f"Sentiment {state.sentiment:+.2f}, {state.negative_streak} negative exchanges in a row.")
    for search in state.searches:
        found = ", ".join(dict.fromkeys(passage.title for passage in search.passages[:3])) or "nothing"
        outcome = "matched" if search.matched else "nothing close enough; nearest were"
        lines.append(f"Searched “{' '.join(search.query.split())[:120]}”: {outcome} {found}.")
    if context.history:
        lines.append(f"{len(context.history)} earlier messages.")
    return "\n".join(lines)
