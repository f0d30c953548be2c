"""`python -m serve_app.warm_up`: what every agent computes at its first start is computed here, into FTE_HOME.

For the build of an image, whose containers forget what they compute: thousands of exemplars to embed, which is many
seconds of a processor, and the policy's fit to them.
"""

from __future__ import annotations

import asyncio

from serve_app.settings import Settings, load_settings


async def warm_up(settings: Settings) -> None:
    """Raises ConfigurationInvalid for a model that cannot be loaded or broken rules."""
    from deployments.turn_services import make_policy
    from models.batching import InProcessEmbedder
    from models.embedding import SentenceTransformerEmbedder

    model = await asyncio.to_thread(SentenceTransformerEmbedder, settings.embedding_model)
    embedder = InProcessEmbedder(model)
    try:
        await make_policy(settings, embedder, model.model_id)
    finally:
        await embedder.close()


if __name__ == "__main__":
    asyncio.run(warm_up(load_settings()))
