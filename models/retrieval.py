"""How well a search finds: questions whose right articles are known, and the figures of what was found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from pydantic import BaseModel, ConfigDict, Field

from models.json_lines import parse_lines


class RetrievalQuestion(BaseModel):
    """A customer's question and the articles that answer it, any of which is right."""

    model_config = ConfigDict(strict=True, frozen=True)

    id: str | int
    query: str = Field(min_length=1)
    articles: list[str] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class RetrievalFigures:
    """Shares of the questions. `mrr` is the mean of 1 / rank of the first right article, 0 below the tenth."""

    questions: int
    hit_at_1: float
    hit_at_5: float
    mrr: float

    def as_record(self) -> dict[str, float | int]:
        return asdict(self)


def parse_questions(lines: Iterable[str]) -> list[RetrievalQuestion]:
    """Raises BadInput naming the first line that is no question. Empty lines are skipped."""
    return parse_lines(lines, RetrievalQuestion)


def score_retrieval(questions: Sequence[RetrievalQuestion], found: Sequence[Sequence[str]]) -> RetrievalFigures:
    """`found` holds each question's articles, best first. Raises ValueError without a question."""
    if not questions:
        raise ValueError("no question to score")
    ranks = [_rank(question, articles) for question, articles in zip(questions, found, strict=True)]
    count = len(ranks)
    return RetrievalFigures(
        questions=count,
        hit_at_1=round(sum(rank == 1 for rank in ranks) / count, 4),
        hit_at_5=round(sum(0 < rank <= 5 for rank in ranks) / count, 4),
        mrr=round(sum(1 / rank for rank in ranks if 0 < rank <= 10) / count, 4),
    )


def _rank(question: RetrievalQuestion, articles: Sequence[str]) -> int:
    """The place of the first right article from 1; 0 where none was found."""
    return next((place for place, slug in enumerate(articles, 1) if slug in question.articles), 0)
