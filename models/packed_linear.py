"""Linear layers whose weights lie as the processor's library wants them, not laid out anew in each call."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

_ROWS = 64
"""What the layout is made for: a few short texts. Other numbers of rows are as right, and hardly slower."""


def packing_works() -> bool:
    """Whether torch was built with oneDNN."""
    return hasattr(torch.ops.mkldnn, "_linear_pointwise")


def can_pack(model: nn.Module) -> bool:
    """Whether all of the model is on a processor in a type that oneDNN takes, and torch was built with it."""
    return packing_works() and all(map(_fits, model.parameters()))


def pack_weight(weight: Tensor) -> Tensor:
    return cast(Tensor, torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS))


def multiply(rows: Tensor, packed_weight: Tensor, bias: Tensor | None) -> Tensor:
    """What a linear layer computes.

    The operators are those to which torch's own compiler lowers a frozen layer
    (torch/_inductor/fx_passes/mkldnn_fusion.py).
    """
    return cast(Tensor, torch.ops.mkldnn._linear_pointwise(rows, packed_weight, bias, "none", [], ""))


def pack_linear_layers(model: nn.Module) -> dict[str, nn.Linear]:
    """Exchange the linear layers of a model on a CPU; returns the former ones by name, for `unpack_linear_layers`.

    Results stay the same, bit for bit where the library's kernels are the same. Nothing changes where torch was built
    without oneDNN.
    """
    if not packing_works():
        return {}
    former = {name: layer for name, layer in model.named_modules() if type(layer) is nn.Linear and _fits(layer.weight)}
    for name, layer in former.items():
        model.set_submodule(name, _PackedLinear(layer))
    return former


def unpack_linear_layers(model: nn.Module, former: dict[str, nn.Linear]) -> None:
    for name, layer in former.items():
        model.set_submodule(name, layer)


class _PackedLinear(nn.Module):
    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self._bias = None if layer.bias is None else layer.bias.detach()
        self._weight = pack_weight(layer.weight.detach())

    def forward(self, rows: Tensor) -> Tensor:
        return multiply(rows, self._weight, self._bias)


def _fits(weight: Tensor) -> bool:
    return weight.device.type == "cpu" and weight.dtype in (torch.float32, torch.bfloat16)
