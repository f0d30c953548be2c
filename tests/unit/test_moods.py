"""Moods by meaning: what the reader changes, what it leaves, and which files of exemplars are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.errors import ConfigurationInvalid
from agent.policy.moods import read_moods
from agent.policy.policy import MOODS_FILE, EscalationPolicy, load_policy
from serve_app.settings import CHECKOUT
from tests.unit.policy_fakes import WordEmbedder, small_rules, write_rules

MOODS: dict[str, Any] = {
    "lead": {"words": 0.1},
    "upset": ["Nobody seems to own this problem.", "You took the feature away without asking."],
    "calm": ["Nobody owns the task, how do I assign it?", "Where is the feature?"],
    "pleased": ["Everything runs again, thank you."],
}


async def load(folder: Path, moods: object = MOODS, embedder: WordEmbedder | None = None) -> EscalationPolicy:
    if moods is not None:
        (folder / MOODS_FILE).write_text(yaml.safe_dump(moods), encoding="utf-8")
    return await load_policy(write_rules(folder, small_rules()), embedder or WordEmbedder())


async def sentiment(policy: EscalationPolicy, text: str, by_words: float = 0.0, model: str = "words") -> float:
    return policy.sentiment(text, await WordEmbedder(model).embed([text]), by_words)


async def test_anger_without_a_strong_word_is_upset(tmp_path: Path) -> None:
    policy = await load(tmp_path)
    assert await sentiment(policy, "nobody seems to own this") < policy.negative_threshold


@pytest.mark.parametrize(
    "text", ["Where is the feature now?", "How do I create a board?", "Everything runs again!", "A text like no other"]
)
async def test_what_is_not_meant_in_anger_keeps_the_score_of_its_words(tmp_path: Path, text: str) -> None:
    assert await sentiment(await load(tmp_path), text, 0.1) == 0.1


async def test_what_words_call_worse_stays_so_and_what_they_call_pleased_too(tmp_path: Path) -> None:
    policy = await load(tmp_path)
    assert await sentiment(policy, "nobody seems to own this", -0.9) == -0.9
    assert await sentiment(policy, "nobody seems to own this", 0.6) == 0.6


async def test_small_talk_has_the_mood_of_its_words(tmp_path: Path) -> None:
    policy = await load(tmp_path, {**MOODS, "upset": ["hello there"]})
    assert await sentiment(policy, "hello there", 0.0) == 0.0


async def test_vectors_of_another_model_are_not_asked(tmp_path: Path) -> None:
    policy = await load(tmp_path)
    assert await sentiment(policy, "nobody seems to own this", 0.2, model="another") == 0.2


async def test_a_model_without_a_threshold_and_a_folder_without_moods_leave_words_alone(tmp_path: Path) -> None:
    for moods in ({**MOODS, "lead": {"another": 0.1}}, None):
        folder = tmp_path / str(moods is None)
        folder.mkdir()
        embedder = WordEmbedder()
        policy = await load(folder, moods, embedder)
        assert await sentiment(policy, "nobody seems to own this") == 0.0
        assert "Where is the feature?" not in embedder.embedded


@pytest.mark.parametrize(
    ("moods", "problem"),
    [
        ({**MOODS, "upset": []}, "upset"),
        ({**MOODS, "furious": ["a"]}, "furious"),
        ({**MOODS, "calm": ["Nobody seems to own this problem."]}, "both as upset and as calm"),
        ("no mapping", "MoodExemplars"),
    ],
)
def test_moods_that_are_none_are_refused(tmp_path: Path, moods: object, problem: str) -> None:
    file = tmp_path / MOODS_FILE
    file.write_text(yaml.safe_dump(moods), encoding="utf-8")
    with pytest.raises(ConfigurationInvalid, match=problem):
        read_moods(file)


def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    file = tmp_path / MOODS_FILE
    file.write_text("upset: [", encoding="utf-8")
    with pytest.raises(ConfigurationInvalid, match="no YAML"):
        read_moods(file)


def test_the_shipped_moods_are_of_the_default_model() -> None:
    moods = read_moods(CHECKOUT / "knowledge" / MOODS_FILE)
    assert moods is not None
    assert "all-MiniLM-L6-v2" in moods.lead
    assert min(len(moods.upset), len(moods.calm), len(moods.pleased)) > 50
