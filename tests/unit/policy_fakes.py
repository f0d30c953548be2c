"""Small escalation rules, and an embedder whose vectors are its words."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from agent.policy.rules import UNRULED
from agent.policy.sentences import normalise
from agent.ports import Embeddings
from agent.records import ReasonCode


class WordEmbedder:
    """A vector has one place per word, so sentences are as close as the words that they share."""

    def __init__(self, model_id: str = "words") -> None:
        self.model_id = model_id
        self.embedded: list[str] = []

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        self.embedded.extend(texts)
        vectors = np.zeros((len(texts), 512), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in normalise(text).replace("?", " ").replace(".", " ").split():
                row[zlib.crc32(word.encode()) % 512] += 1.0
        return Embeddings(self.model_id, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def small_rules(**changes: Any) -> dict[str, Any]:
    texts: dict[ReasonCode, dict[str, Any]] = {
        ReasonCode.LEGAL_ISSUE: {
            "patterns": [r"\blawsuit\b"],
            "exemplars": ["Our lawyer prepares a lawsuit against you.", "Expect a letter from our lawyer."],
        },
        ReasonCode.REFUND_REQUEST: {
            "patterns": [r"\brefund\b"],
            "unless": [r"\brefund label\b"],
            "exemplars": ["I want my money back.", "Please return the money you took.", "I want a refund."],
            "unlike": ["How do I make a refund label?", "How do I get my task back?"],
        },
    }
    rules = [
        {"reason": reason.value, "team": "general", "severity": "P3", **texts.get(reason, {})}
        for reason in [*texts, *(r for r in ReasonCode if r not in texts and r not in UNRULED)]
    ]
    return {
        "negative_threshold": -0.3,
        "negative_exchanges": 2,
        "gap_searches": 2,
        "false_alarms": 0.05,
        "wording_bonus": 0.2,
        "embedding_models": {"words": {"match": 0.4, "meaning": 0.1}, "other": {"match": 0.2}},
        "rules": rules,
        "ordinary": ["How do I create a board?", "Where do I find the calendar?", "My board is slow."],
        **changes,
    }


def write_rules(folder: Path, rules: object) -> Path:
    file = folder / "rules.yaml"
    file.write_text(yaml.safe_dump(rules, allow_unicode=True), encoding="utf-8")
    return file
