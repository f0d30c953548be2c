"""Encoders of BERT's build, computed without what their library does around each of the hundred steps of a call.

A lone text of 20 tokens spends more than half of its call between the multiplications: wrappers that inspect
signatures, masks that are made anew, a call of a module for each step. Here a layer's query, key and value are one
multiplication, and weights lie as the processor's library wants them (models/packed_linear.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from models.packed_linear import can_pack, multiply, pack_weight

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class _Linear(NamedTuple):
    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, *layers: nn.Linear) -> _Linear:
        """Several layers that read the same rows, side by side."""
        weight = pack_weight(torch.cat([layer.weight.detach() for layer in layers]))
        return cls(weight, torch.cat([layer.bias.detach() for layer in layers]))

    def __call__(self, rows: Tensor) -> Tensor:
        return multiply(rows, self.weight, self.bias)


class _Norm(NamedTuple):
    shape: list[int]
    weight: Tensor
    bias: Tensor
    epsilon: float

    @classmethod
    def of(cls, layer: nn.LayerNorm) -> _Norm:
        return cls(list(layer.normalized_shape), layer.weight.detach(), layer.bias.detach(), layer.eps)

    def __call__(self, rows: Tensor) -> Tensor:
        return torch.layer_norm(rows, self.shape, self.weight, self.bias, self.epsilon, False)


class _Layer(NamedTuple):
    query_key_value: _Linear
    attended: _Linear
    after_attention: _Norm
    wide: _Linear
    narrow: _Linear
    after_all: _Norm

    @classmethod
    def of(cls, layer: Any) -> _Layer:
        heads, attended = layer.attention.self, layer.attention.output
        return cls(
            _Linear.of(heads.query, heads.key, heads.value),
            _Linear.of(attended.dense),
            _Norm.of(attended.LayerNorm),
            _Linear.of(layer.intermediate.dense),
            _Linear.of(layer.output.dense),
            _Norm.of(layer.output.LayerNorm),
        )


class PackedBert:
    """The whole way from token ids to a text's row, for models whose rows are the mean of their tokens.

    It has copies of the layers' weights; `model` may lose its own.
    """

    def __init__(self, model: SentenceTransformer) -> None:
        """Raises ValueError, AttributeError or RuntimeError for a model of another build.

        That its parts have the right names does not make a model this one: compare what it computes.
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
        self._heads = int(config.num_attention_heads)
        self._embeddings = encoder.embeddings
        self._layers = [_Layer.of(layer) for layer in encoder.encoder.layer]

    def __call__(self, features: dict[str, Tensor]) -> Tensor:
        """Takes `input_ids`, `attention_mask` and perhaps `token_type_ids`, each of shape (texts, tokens).

        Returns float32 of shape (texts, width), not normalised.
        """
        mask = features["attention_mask"]
        rows: Tensor = self._embeddings(features["input_ids"], token_type_ids=features.get("token_type_ids"))
        texts, tokens, width = rows.shape
        # No text is padded when it is alone and of the right length.
        hidden = None if bool(mask.all()) else _hide(mask, rows.dtype)
        for layer in self._layers:
            parts = layer.query_key_value(rows).view(texts, tokens, 3, self._heads, width // self._heads)
            query, key, value = parts.permute(2, 0, 3, 1, 4)
            seen = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=hidden)
            seen = seen.transpose(1, 2).reshape(texts, tokens, width)
            rows = layer.after_attention(layer.attended(seen) + rows)
            rows = layer.after_all(layer.narrow(nn.functional.gelu(layer.wide(rows))) + rows)
        if hidden is None:
            return rows.float().mean(1)
        shares = mask.float() / mask.sum(1, keepdim=True)
        return torch.einsum("ntw,nt->nw", rows.float(), shares)


def _hide(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """What attention adds to the score of each token that is looked at: nothing, or what hides padding."""
    texts, tokens = mask.shape
    added = torch.zeros(texts, 1, 1, tokens, dtype=dtype).masked_fill_(mask[:, None, None, :] == 0, float("-inf"))
    return added.expand(texts, 1, tokens, tokens)
