"""Any embedding model that sentence-transformers knows, computed by it or faster with the same result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from models.packed_bert import PackedBert
from models.packed_linear import can_pack, pack_linear_layers, unpack_linear_layers

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# Of two lengths, so that one of them is padded.
_PROBES = ["How do I invite a colleague to my workspace?", "Invoices"]
ALIKE = 0.999
"""The cosine from which two rows are taken for the same text's, computed in other ways or types."""


class LibraryModel:
    """Implements embedding.Model."""

    dimension: int
    max_tokens: int

    def __init__(self, source: str | Path, device: torch.device, dtype: torch.dtype, padded_to: int) -> None:
        """Raises OSError, ValueError, KeyError or RuntimeError when there is no such model."""
        # They take seconds to import, which only who embeds with another model than the default should wait for.
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()
        self._model = SentenceTransformer(
            str(source),
            device=str(device),
            local_files_only=Path(source).is_dir(),
            model_kwargs={"dtype": dtype},
        )
        first = self._model[0]
        if hasattr(first, "processing_kwargs"):
            first.processing_kwargs = {**first.processing_kwargs, "text": {"pad_to_multiple_of": padded_to}}
        dimension, max_tokens = self._model.get_embedding_dimension(), self._model.max_seq_length
        if dimension is None or max_tokens is None:
            raise ValueError("the model states no dimension or no token limit")
        self.dimension, self.max_tokens = int(dimension), int(max_tokens)
        self._prompt = self._model.prompts.get(self._model.default_prompt_name or "")
        self._model.eval()
        self._compute: Callable[[dict[str, Tensor]], Tensor] = self._compute_by_library
        if device.type == "cpu":
            self._pack()

    def preprocess(self, texts: Sequence[str]) -> dict[str, Any]:
        return cast(dict[str, Any], self._model.preprocess(list(texts), prompt=self._prompt))

    def compute(self, features: dict[str, Any]) -> Tensor:
        return self._compute(features)

    def _pack(self) -> None:
        """Lay the weights out once, in whichever way gives this model's own vectors."""
        expected = self._probe()
        try:
            self._compute = packed_bert_of(self._model)
            if self._gives(expected):
                # Its weights are copied, and whoever computed with the model itself from now on is to fail.
                del cast(Any, self._model[0]).model.encoder
                return
        except (AttributeError, RuntimeError, ValueError):  # another build of model
            pass
        self._compute = self._compute_by_library
        former = pack_linear_layers(self._model)
        if not self._gives(expected):
            unpack_linear_layers(self._model, former)

    def _gives(self, expected: Tensor) -> bool:
        try:
            return bool(torch.cosine_similarity(self._probe(), expected).min() > ALIKE)
        except (AttributeError, RuntimeError, TypeError):  # such as one that reads the weights of its layers by itself
            return False

    @torch.inference_mode()
    def _probe(self) -> Tensor:
        return self._compute(self.preprocess(_PROBES)).float()

    def _compute_by_library(self, features: dict[str, Any]) -> Tensor:
        return cast(Tensor, self._model(features)["sentence_embedding"])


def packed_bert_of(model: SentenceTransformer) -> PackedBert:
    """With copies of the layers' weights: `model` may lose its own.

    Raises ValueError, AttributeError or RuntimeError for a model of another build.
    """
    if len(model) < 2:
        raise ValueError("no pooling")
    first, pooling = model[0], model[1]
    encoder = cast(Any, first).model
    config = encoder.config
    if not can_pack(encoder):
        raise ValueError("not on a processor, or torch has no oneDNN")
    if config.hidden_act != "gelu" or config.is_decoder:
        raise ValueError("another activation, or a decoder")
    if pooling.pooling_mode != "mean" or not pooling.include_prompt:
        raise ValueError("another pooling")
    if any(type(each).__name__ != "Normalize" for each in list(model)[2:]):
        raise ValueError("modules after the pooling")
    embeddings = encoder.embeddings
    return PackedBert(
        lambda input_ids, token_type_ids: embeddings(input_ids, token_type_ids=token_type_ids),
        encoder.encoder.layer,
        int(config.num_attention_heads),
    )
