"""Arrays kept on disk: a policy's exemplars are embedded once, and its fit is computed once, not at every start."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from agent.ports import Embedder, Embeddings, Float32Array


class VectorCache:
    """Implements agent.ports.Embedder over another one, for texts that come again in the same groups.

    A file belongs to one embedding model and one group of texts; what cannot be read or written is embedded anew.
    """

    def __init__(self, embedder: Embedder, folder: Path, expected_model: str | None = None) -> None:
        """`expected_model`: whose files are used without asking which model answers."""
        self._embedder = embedder
        self._arrays = FileArrays(folder)
        self._model_id = expected_model

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Raises EmbeddingAway. Texts longer than the model's limit are not for this cache."""
        if self._model_id is None:
            self._model_id = (await self._embedder.embed(["which model is this?"])).model_id
        vectors = self._arrays.load(_digest(self._model_id, texts))
        if _is_vectors(vectors, len(texts)):
            return Embeddings(self._model_id, vectors)
        embeddings = await self._embedder.embed(texts)
        self._model_id = embeddings.model_id
        self._arrays.store(_digest(embeddings.model_id, texts), embeddings.vectors)
        return embeddings


class FileArrays:
    """Implements agent.policy.policy.ArrayStore: computed arrays in a folder, one file a key."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, key: str) -> NDArray[Any] | None:
        """None when there is none, or none that can be read."""
        try:
            found: NDArray[Any] = np.load(self._folder / f"{key}.npy", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return found

    def store(self, key: str, array: NDArray[Any]) -> None:
        """What cannot be written is computed again next time."""
        file = self._folder / f"{key}.npy"
        staged = file.with_suffix(f".{os.getpid()}.new")
        with contextlib.suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            with staged.open("wb") as stream:
                np.save(stream, array, allow_pickle=False)
            staged.replace(file)


def _digest(model_id: str, texts: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for part in (model_id, *texts):
        digest.update(hashlib.sha256(part.encode()).digest())
    return digest.hexdigest()


def _is_vectors(found: NDArray[Any] | None, rows: int) -> TypeGuard[Float32Array]:
    return found is not None and found.dtype == np.float32 and found.ndim == 2 and len(found) == rows
