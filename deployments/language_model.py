"""The configured language model, and how turns may use it."""

from __future__ import annotations

from agents.models.interface import Model

from agent.turn.model_use import ModelTerms, Prices
from agent.turn.prompt_size import PromptSize
from crm.database import Database
from crm.model_ledger import PostgresModelLedger
from deployments.model_state import ceilings
from deployments.startup import ReplicaSettings
from models.language import ModelApi, make_model
from models.offline import OfflineModel


def make_configured_model(settings: ReplicaSettings) -> Model:
    return make_model(
        api_key=settings.openai_api_key.get_secret_value(),
        base_url=settings.openai_base_url,
        name=settings.openai_model,
        api=ModelApi(settings.model_api),
        temperature=settings.model_temperature,
        max_output_tokens=settings.model_max_output_tokens,
        times=settings.times,
    )


def model_terms(settings: ReplicaSettings, database: Database) -> ModelTerms | None:
    """None where no model is configured: the offline one costs nothing."""
    if not settings.openai_api_key.get_secret_value():
        return None
    priced = settings.model_price_input is not None and settings.model_price_output is not None
    return ModelTerms(
        name=settings.openai_model,
        max_output_tokens=settings.model_max_output_tokens,
        ledger=PostgresModelLedger(database, ceilings(settings)),
        prices=Prices(settings.model_price_input or 0.0, settings.model_price_output or 0.0) if priced else None,
        fallback=OfflineModel() if settings.model_fallback == "offline" else None,
    )


def prompt_size(settings: ReplicaSettings) -> PromptSize:
    """The offline model always reads all."""
    return PromptSize(settings.model_prompt) if settings.openai_api_key.get_secret_value() else PromptSize.FULL
