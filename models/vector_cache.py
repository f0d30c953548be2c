"""Vectors of fixed texts, kept on disk: a policy's exemplars are embedded once, not at every start."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agent.ports import Embedder, Embeddings, Float32Array


class VectorCache:
    """Implements agent.ports.Embedder over another one, for texts that come again in the same groups.

    A file belongs to one embedding model and one group of texts; what cannot be read or written is embedded anew.
    """

    def __init__(self, embedder: Embedder, folder: Path) -> None:
        self._embedder = embedder
        self._folder = folder
        self._model_id: str | None = None

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Raises EmbeddingAway. Texts longer than the model's limit are not for this cache."""
        if self._model_id is None:
            self._model_id = (await self._embedder.embed(["which model is this?"])).model_id
        file = self._folder / f"{_digest(self._model_id, texts)}.npy"
        vectors = _read(file, len(texts))
        if vectors is not None:
            return Embeddings(self._model_id, vectors)
        embeddings = await self._embedder.embed(texts)
        self._model_id = embeddings.model_id
        _write(self._folder / f"{_digest(embeddings.model_id, texts)}.npy", embeddings.vectors)
        return embeddings


def _digest(model_id: str, texts: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for part in (model_id, *texts):
        digest.update(hashlib.sha256(part.encode()).digest())
    return digest.hexdigest()


def _read(file: Path, rows: int) -> Float32Array | None:
    try:
        vectors: Float32Array = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return vectors if vectors.dtype == np.float32 and vectors.ndim == 2 and len(vectors) == rows else None


def _write(file: Path, vectors: Float32Array) -> None:
    staged = file.with_suffix(f".{os.getpid()}.new")
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with staged.open("wb") as stream:
            np.save(stream, vectors, allow_pickle=False)
        staged.replace(file)
