"""Encoders of BERT's build, computed without what their library does around each of the hundred steps of a call.

A lone text of 20 tokens spends more than half of its call between the multiplications: wrappers that inspect
signatures, masks that are made anew, a call of a module for each step. Here a layer's query, key and value are one
multiplication, and weights lie as the processor's library wants them (models/packed_linear.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from models.packed_linear import multiply, pack_weight


class EmbedTokens(Protocol):
    """Token ids of shape (texts, tokens) to rows of shape (texts, tokens, width)."""

    def __call__(self, input_ids: Tensor, token_type_ids: Tensor | None) -> Tensor: ...


class _Linear(NamedTuple):
    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, *layers: Any) -> _Linear:
        """Several layers that read the same rows, side by side; of each `weight` and `bias` are read."""
        weight = pack_weight(torch.cat([layer.weight.detach() for layer in layers]))
        return cls(weight, torch.cat([layer.bias.detach() for layer in layers]))

    def __call__(self, rows: Tensor) -> Tensor:
        return multiply(rows, self.weight, self.bias)


class Norm(NamedTuple):
    """A layer norm over the last dimension, of whatever has its `weight`, `bias` and `eps`."""

    shape: list[int]
    weight: Tensor
    bias: Tensor
    epsilon: float

    @classmethod
    def of(cls, layer: Any) -> Norm:
        return cls(list(layer.weight.shape), layer.weight.detach(), layer.bias.detach(), layer.eps)

    def __call__(self, rows: Tensor) -> Tensor:
        return torch.layer_norm(rows, self.shape, self.weight, self.bias, self.epsilon, False)


class _Layer(NamedTuple):
    query_key_value: _Linear
    attended: _Linear
    after_attention: Norm
    wide: _Linear
    narrow: _Linear
    after_all: Norm

    @classmethod
    def of(cls, layer: Any) -> _Layer:
        heads, attended = layer.attention.self, layer.attention.output
        return cls(
            _Linear.of(heads.query, heads.key, heads.value),
            _Linear.of(attended.dense),
            Norm.of(attended.LayerNorm),
            _Linear.of(layer.intermediate.dense),
            _Linear.of(layer.output.dense),
            Norm.of(layer.output.LayerNorm),
        )


class PackedBert:
    """The whole way from token ids to a text's row, for models whose rows are the mean of their tokens."""

    def __init__(self, embed_tokens: EmbedTokens, layers: Iterable[Any], heads: int) -> None:
        """Of each of `layers` the weights are read and copied by the names that they have in transformers' BertLayer.

        Raises AttributeError or RuntimeError for layers of another build. That the parts have the right names does
        not make a model this one: compare what it computes.
        """
        self._embed_tokens = embed_tokens
        self._layers = [_Layer.of(layer) for layer in layers]
        self._heads = heads

    def __call__(self, features: dict[str, Tensor]) -> Tensor:
        """Takes `input_ids`, `attention_mask` and perhaps `token_type_ids`, each of shape (texts, tokens).

        Returns float32 of shape (texts, width), not normalised.
        """
        mask = features["attention_mask"]
        rows = self._embed_tokens(features["input_ids"], features.get("token_type_ids"))
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
