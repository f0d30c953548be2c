"""`serve_app:build`: the application from its deployments and the table of options.

Without `from __future__ import annotations`: Serve reads the annotation of `build` as a class.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict
from ray import serve

from deployments.agent import Agent
from deployments.courier import Courier
from deployments.dispatcher import Dispatcher
from deployments.embedding import Embedding
from deployments.ingress import Ingress
from deployments.sentiment import Sentiment
from serve_app.options import OPTIONS, TURNS_PER_AGENT
from serve_app.settings import SETTINGS_FACTORY


class AppArgs(BaseModel):
    """The `args` of the application in the Serve configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings_factory: str = SETTINGS_FACTORY
    """Where each replica gets its settings: "module:function". No setting travels itself."""


def build(args: AppArgs) -> serve.Application:
    factory = args.settings_factory
    embedding = _with_options(Embedding).bind(factory)
    sentiment = _with_options(Sentiment).bind(factory)
    agent = _with_options(Agent).bind(factory, embedding, sentiment, TURNS_PER_AGENT)
    dispatcher = _with_options(Dispatcher).bind(factory, agent, TURNS_PER_AGENT)
    courier = _with_options(Courier).bind(factory)
    return _with_options(Ingress).bind(factory, embedding, dispatcher, courier)


def _with_options(deployment: Any) -> Any:
    return deployment.options(**OPTIONS[deployment.name].as_options())
