"""A turn's search gives the sections of the best articles, not only one chunk of each."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agent.ports import Embeddings, Float32Array
from agent.text.words import words
from crm.database import Database
from crm.knowledge import PostgresKnowledge
from crm.knowledge_sync import sync_folder
from crm.sections import PostgresSections

SLACK = """\
# Slack

## Connect Slack

Open the settings, choose Slack and allow the access.

## Slack stopped posting

Reconnect Slack when its connection expired.

## Tasks from messages

Use the menu of a message.
"""


class WordVectors:
    """An embedding model whose vectors are the words of a text: close when words are shared."""

    model_id = "words"
    dimension = 64
    max_tokens = 200

    def count_tokens(self, text: str) -> int:
        return len(words(text)) + 2

    def encode(self, texts: Sequence[str]) -> Float32Array:
        rows = np.full((len(texts), self.dimension), 0.01, dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in words(text):
                row[zlib.crc32(word.encode()) % self.dimension] += 1.0
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


async def test_the_best_article_comes_with_its_other_sections(database: Database, tmp_path: Path) -> None:
    model = WordVectors()
    (tmp_path / "slack.md").write_text(SLACK)
    (tmp_path / "password.md").write_text("# Password\n\nChoose forgot password on the login page.")
    await sync_folder(database, model, tmp_path, lambda done, total, slug: None)
    question = "slack stopped posting"
    vector = Embeddings(model.model_id, model.encode([question]))

    articles = await PostgresKnowledge(database).search(question, vector, 5)
    sections = await PostgresSections(database).search(question, vector, 5)

    assert sections[0] == articles[0]
    assert "Reconnect" in sections[0].body
    of_slack = [passage for passage in sections if passage.slug == "slack"]
    assert len(of_slack) == len({passage.body for passage in of_slack}) == 3
    assert list(dict.fromkeys(p.slug for p in sections)) == [p.slug for p in articles]
    assert all(passage.title == "Slack" and 0 < passage.similarity <= 1 for passage in of_slack)


async def test_an_empty_knowledge_base_has_no_sections(database: Database, tmp_path: Path) -> None:
    model = WordVectors()
    (tmp_path / "one.md").write_text("# One\n\nSomething.")
    await sync_folder(database, model, tmp_path, lambda done, total, slug: None)
    async with database.connection() as connection:
        await connection.execute("DELETE FROM knowledge_base")
    vector = Embeddings(model.model_id, model.encode(["anything"]))
    assert await PostgresSections(database).search("anything", vector, 5) == []
