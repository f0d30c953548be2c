"""Linear layers whose weights lie as the processor's library wants them, not laid out anew in each call."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

_ROWS = 64
"""What the layout is made for: a few short texts. Other numbers of rows are as right, and hardly slower."""


def pack_linear_layers(model: nn.Module) -> dict[str, nn.Linear]:
    """Exchange the linear layers of a model on a CPU; returns the former ones by name, for `unpack_linear_layers`.

    Results stay the same, bit for bit where the library's kernels are the same. Nothing changes where torch was built
    without oneDNN. The operators are those to which torch's own compiler lowers a frozen linear layer
    (torch/_inductor/fx_passes/mkldnn_fusion.py).
    """
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return {}
    former = {name: layer for name, layer in model.named_modules() if type(layer) is nn.Linear and _on_cpu(layer)}
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
        self._weight = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), _ROWS)

    def forward(self, rows: Tensor) -> Tensor:
        return cast(Tensor, torch.ops.mkldnn._linear_pointwise(rows, self._weight, self._bias, "none", [], ""))


def _on_cpu(layer: nn.Linear) -> bool:
    return layer.weight.device.type == "cpu" and layer.weight.dtype in (torch.float32, torch.bfloat16)
