"""The services of turns: made without waiting for a model that is known, and made anew for another."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.errors import EmbeddingAway
from agent.ports import Embeddings
from agent.times import Times
from crm.database import Database
from deployments.turn_services import LiveTurnServices
from models.sentiment import LexiconSentiment
from serve_app.settings import CHECKOUT, Settings
from tests.unit.policy_fakes import WordEmbedder, small_rules, write_rules
from tests.waiting import until


class SmallSettings(Settings):
    """Few rules, so that a fit is quick; the words embedder of the policy's tests is the expected model."""

    @property
    def knowledge_dir(self) -> Path:
        return self.home


class Switchable:
    """An embedding deployment whose model an operator swaps; `away` while it does not answer."""

    def __init__(self) -> None:
        self.models = {name: WordEmbedder(name) for name in ("words", "other")}
        self.live = "words"
        self.away = False
        self.calls = 0

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        self.calls += 1
        if self.away:
            raise EmbeddingAway("starting")
        return await self.models[self.live].embed(texts)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("FTE_HOME", str(tmp_path))
    write_rules(tmp_path, small_rules()).rename(tmp_path / "escalation_rules.yaml")
    shutil.copy(CHECKOUT / "knowledge" / "brand_voice.md", tmp_path)
    times = Times(backoff_first_s=0.01, backoff_cap_s=0.02)
    return SmallSettings().model_copy(update={"embedding_model": "words", "times": times})


@pytest.fixture(autouse=True)
def any_tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployments.turn_services.load_token_counter", lambda _: len)


def live(settings: Settings, embedder: Switchable) -> LiveTurnServices:
    database = Database("postgresql://nowhere", settings.times)
    return LiveTurnServices(settings, database, embedder, LexiconSentiment())


async def test_known_vectors_need_no_embedding_model_to_be_up(settings: Settings) -> None:
    await live(settings, Switchable()).get()
    second = Switchable()
    second.away = True
    services = await live(settings, second).get()
    assert services.policy.immediate("I want a refund.", await WordEmbedder("words").embed(["I want a refund."]))
    assert second.calls == 0


async def test_without_known_vectors_it_waits_for_the_model(settings: Settings) -> None:
    embedder = Switchable()
    embedder.away = True
    services = live(settings, embedder)
    with pytest.raises(EmbeddingAway):
        await services.get()
    services.start()
    await until(lambda: embedder.calls > 2)
    embedder.away = False
    assert (await services.get()).policy.match_threshold("words") == 0.4
    await services.close()


async def test_a_swapped_model_gets_a_policy_of_its_own(settings: Settings) -> None:
    embedder = Switchable()
    services = live(settings, embedder)
    before = await services.get()
    embedder.live = "other"
    # A paraphrase without a pattern's word: only vectors of one model can see it.
    paraphrase = "Please return the money you took."
    vectors = await before.embedder.embed([paraphrase])
    assert before.policy.immediate(paraphrase, vectors) is None
    await services.settled()
    after = await services.get()
    assert after.policy.immediate(paraphrase, vectors) is not None
    assert after.embedder is before.embedder
    await services.close()


async def test_a_swap_whose_fit_fails_is_tried_again(settings: Settings) -> None:
    embedder = Switchable()
    services = live(settings, embedder)
    made = await services.get()
    embedder.live = "other"
    await made.embedder.embed(["a question"])
    embedder.away = True
    await services.settled()
    assert (await services.get()).policy is made.policy
    embedder.away = False
    await made.embedder.embed(["a question"])
    await services.settled()
    assert (await services.get()).policy is not made.policy
    await services.close()
