"""Messages labelled by mood, and how often the sentiment's score says the same."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from agent.policy.moods import PLEASED_SCORE
from models.json_lines import parse_lines


class Mood(StrEnum):
    UPSET = "upset"
    NEUTRAL = "neutral"
    PLEASED = "pleased"


class MoodCase(BaseModel):
    model_config = ConfigDict(frozen=True)

    mood: Mood
    text: str = Field(min_length=1)


def parse_moods(lines: Iterable[str]) -> list[MoodCase]:
    """Raises BadInput naming the first line that is none. Empty lines are skipped."""
    return parse_lines(lines, MoodCase)


def mood_of(score: float, upset_below: float) -> Mood:
    if score < upset_below:
        return Mood.UPSET
    return Mood.PLEASED if score > PLEASED_SCORE else Mood.NEUTRAL
