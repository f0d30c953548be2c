"""Sentence embedding: texts to unit vectors, and a default model that is installed, not fetched."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from agent.errors import ConfigurationInvalid, TextTooLong
from agent.ports import Float32Array
from models.library_model import LibraryModel
from models.packaged_model import PackagedModel, packaged_folder
from models.packed_linear import packing_works
from models.tokens import DEFAULT_MODEL, is_packaged, load_token_counter

_LOG = logging.getLogger(__name__)

__all__ = ["DEFAULT_MODEL", "SentenceTransformerEmbedder"]

# For each shape of a batch (texts by padded length) the processor's library compiles code and keeps it, 1.5 MB a shape
# with bfloat16: few shapes bound that memory. On a processor larger batches are no faster. Three is what a short
# message asks for: itself and its two sentences; together they take two thirds of 2 and 1.
_BATCH_SIZES = {"cpu": (8, 4, 3, 2, 1), "cuda": (64, 32, 16, 8, 4, 2, 1)}
# Padding is computed like words: with 16 a message of 20 tokens cost as much as one of 32.
_PADDED_TO = 4


class Model(Protocol):
    """What computes: texts to features, which may be moved to another device, and features to rows.

    Rows have shape (texts, `dimension` or more) and any length. A text has at most `max_tokens`.
    """

    dimension: int
    max_tokens: int

    def preprocess(self, texts: Sequence[str]) -> dict[str, Any]: ...

    def compute(self, features: dict[str, Any]) -> torch.Tensor: ...


class SentenceTransformerEmbedder:
    """One embedding model in this process. Thread-safe, but calls gain nothing from more than one thread.

    `max_tokens` is the most that `count_tokens` may say of a text, special tokens included.
    """

    model_id: str
    dimension: int
    max_tokens: int

    def __init__(
        self,
        model: str | Path = DEFAULT_MODEL,
        *,
        torch_threads: int | None = None,
        device: str | None = None,
    ) -> None:
        """Load `model`: the default's name, a folder, or a name that sentence-transformers knows.

        `torch_threads` is process-wide; None leaves it. `device` defaults to the GPU where there is one.
        Raises ConfigurationInvalid when the model cannot be loaded.
        """
        if torch_threads is not None:
            torch.set_num_threads(torch_threads)
        self.model_id = DEFAULT_MODEL if is_packaged(str(model)) else str(model)
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._batch_sizes = _BATCH_SIZES.get(self._device.type, _BATCH_SIZES["cpu"])
        self.count_tokens = load_token_counter(self.model_id)
        try:
            self._model = self._load(model)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ConfigurationInvalid(
                f"the embedding model {self.model_id!r} cannot be loaded; set FTE_EMBEDDING_MODEL to another"
            ) from error
        self.dimension, self.max_tokens = self._model.dimension, self._model.max_tokens

    def _load(self, model: str | Path) -> Model:
        dtype = torch.bfloat16 if _fast_bfloat16(self._device) else torch.float32
        packaged = self.model_id == DEFAULT_MODEL
        if packaged and self._device.type == "cpu" and packing_works():
            try:
                return PackagedModel(dtype, _PADDED_TO)
            except Exception as error:  # the file formats' libraries raise bare Exception
                _LOG.warning("the default model is loaded by sentence-transformers: %s", error)
        return LibraryModel(packaged_folder() if packaged else model, self._device, dtype, _PADDED_TO)

    def encode(self, texts: Sequence[str]) -> Float32Array:
        """Embed texts for cosine search, one row each, in order.

        Returns shape (len(texts), self.dimension), float32, rows of unit length.
        Raises TextTooLong for a text over the model's token limit: nothing is cut silently.
        """
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        counts = [self.count_tokens(text) for text in texts]
        for index, count in enumerate(counts):
            if count > self.max_tokens:
                raise TextTooLong(
                    f"text {index + 1} of {len(texts)} has {count} tokens; the model takes {self.max_tokens}"
                )
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        by_length = sorted(range(len(texts)), key=counts.__getitem__)
        while by_length:
            size = next(size for size in self._batch_sizes if size <= len(by_length))
            batch, by_length = by_length[:size], by_length[size:]
            vectors[batch] = self._embed([texts[index] for index in batch])
        return vectors

    @torch.inference_mode()
    def _embed(self, texts: list[str]) -> Float32Array:
        """One batch, in order."""
        features = self._model.preprocess(texts)
        there = {name: x.to(self._device) if isinstance(x, torch.Tensor) else x for name, x in features.items()}
        rows = self._model.compute(there)[:, : self.dimension]
        # Normalised in float32: a bfloat16 row is of unit length to two digits only.
        vectors: Float32Array = torch.nn.functional.normalize(rows.float(), dim=1).cpu().numpy()
        return vectors


def _fast_bfloat16(device: torch.device) -> bool:
    """Where bfloat16 is twice as fast; elsewhere it is emulated. It moves a cosine by under 0.001."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
