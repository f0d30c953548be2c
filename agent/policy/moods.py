"""Anger that no list of words gives away, by meaning: what of the exemplars in knowledge/moods.yaml a message is like.

The lexicon of the sentiment service knows strong words and turns of phrase. "Nobody seems to own this problem." has
neither, and is near to what other angry customers wrote.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agent.errors import ConfigurationInvalid
from agent.policy.meaning import MeaningClassifier
from agent.policy.rules import Sentence, read_yaml
from agent.ports import Float32Array

UPSET, CALM, PLEASED = "upset", "calm", "pleased"
PLEASED_SCORE = 0.35
"""Above it a message is pleased. What words call so stays so: gratitude after anger is near to both."""
# What a message counts for that only its meaning calls upset: clearly below every threshold that is near -0.3.
_UPSET_SCORE = -0.45


class MoodExemplars(BaseModel):
    """What customers write in each mood, and from which lead of `upset` on a message counts as upset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lead: Mapping[str, float]
    """By model id. A model that is not named has no threshold, and its vectors are not asked."""
    upset: tuple[Sentence, ...] = Field(min_length=1)
    calm: tuple[Sentence, ...] = Field(min_length=1)
    pleased: tuple[Sentence, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_one_mood_each(self) -> Self:
        seen: dict[str, str] = {}
        for mood, sentence in self.labelled():
            if seen.setdefault(sentence, mood) != mood:
                raise ValueError(f"{sentence!r} is given both as {seen[sentence]} and as {mood}")
        return self

    def labelled(self) -> Iterator[tuple[str, str]]:
        """Every exemplar as (mood, sentence)."""
        for mood, sentences in ((UPSET, self.upset), (CALM, self.calm), (PLEASED, self.pleased)):
            for sentence in sentences:
                yield mood, sentence


def read_moods(path: Path) -> MoodExemplars | None:
    """None without the file: words alone decide then. Raises ConfigurationInvalid naming what is wrong in it."""
    if not path.exists():
        return None
    data = read_yaml(path, "the moods")
    try:
        return MoodExemplars.model_validate(data)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigurationInvalid(f"the moods {path} are invalid: {problems}") from error


class MoodReader:
    """Fitted on exemplars and their vectors of one embedding model; it judges vectors of that model."""

    def __init__(self, classifier: MeaningClassifier, lead: float) -> None:
        """`classifier` tells the moods apart, with CALM as the ordinary; `lead` is the threshold of the model."""
        self._classifier = classifier
        self._upset = self._classifier.labels.index(UPSET)
        self._lead = lead

    def score(self, text: str, vector: Float32Array, by_words: float) -> float:
        """The sentiment of a text that words alone give as `by_words`: lower where its meaning is upset."""
        if by_words >= PLEASED_SCORE or self.lead(text, vector) < self._lead:
            return by_words
        return min(by_words, _UPSET_SCORE)

    def lead(self, text: str, vector: Float32Array) -> float:
        """How far upset leads the nearer of calm and pleased, 1 to -1 or so."""
        scores = self._classifier.scores((text,), vector[None, :])[0].tolist()
        upset = scores.pop(self._upset)
        lead: float = upset - max(scores)
        return lead
