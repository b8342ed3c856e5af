"""A device that is not the CPU, on any machine: it computes on the CPU, but keeps its tensors apart, as a GPU does.

torch knows it as ``meta``, the one other device of every build. An operation that mixes its tensors with the CPU's raises, as
on a GPU. Operations for which a GPU would make the CPU wait are recorded with the function of this project that called them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

OTHER = torch.device("meta")
CPU = torch.device("cpu")
ROOT = Path(__file__).parents[2]
PACKAGES = ("srn_core", "srn_gym", "agents")
aten = torch.ops.aten
# Their result, or its shape, depends on values, which the CPU must wait for.
WAITING = {
    aten._local_scalar_dense, aten.item, aten.is_nonzero, aten.equal, aten.nonzero, aten.masked_select, aten.bincount,
    aten._unique2, aten.unique_dim, aten.unique_consecutive, aten.one_hot,
}  # fmt: skip
# These copy values from one device to another.
COPIES = (aten._to_copy, aten.copy_)


class OtherTensor(torch.Tensor):
    """A tensor on the other device; ``held`` is a CPU tensor of the same shape and layout."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> OtherTensor:
        made = torch.Tensor._make_wrapper_subclass(
            cls, held.shape, held.stride(), held.storage_offset(), dtype=held.dtype, device=OTHER
        )  # fmt: skip
        made.held = held
        return made

    def tolist(self) -> Any:
        """torch has no ``tolist`` for subclasses."""
        Watch.record("tolist")
        return self.held.tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _compute(func, args, kwargs or {})


class Watch:
    """What made the CPU wait, as ``(module:function, operation)``, while a watch is on."""

    found: set[tuple[str, str]] | None = None

    @classmethod
    def record(cls, operation: str) -> None:
        if cls.found is not None:
            cls.found.add((_caller(), operation))


def values(found: Any) -> list[torch.Tensor]:
    """All tensors and arrays in ``found``, on the CPU."""
    leaves = (_values(leaf) for leaf in tree_leaves(found) if isinstance(leaf, torch.Tensor | np.ndarray))
    return [torch.as_tensor(leaf).detach() for leaf in leaves]


@contextmanager
def watched() -> Iterator[set[tuple[str, str]]]:
    """Record what makes the CPU wait for the other device in this block."""
    Watch.found = found = set()
    try:
        yield found
    finally:
        Watch.found = None


class _OtherDevice(TorchDispatchMode):
    """Sees the operations that have no tensor yet, such as ``torch.zeros(..., device=OTHER)``."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _compute(func, args, kwargs or {})


class _OtherGenerator(torch.Generator):
    """Draws the numbers of the CPU's generator; torch has no generator for ``meta``."""

    device = OTHER

    def __new__(cls, device: Any = OTHER) -> Any:
        return torch._C.Generator.__new__(cls if torch.device(device) == OTHER else torch._C.Generator, CPU)

    def __init__(self, device: Any = OTHER) -> None:
        pass


@contextmanager
def other_device(monkeypatch: pytest.MonkeyPatch) -> Iterator[torch.device]:
    """The other device works in this block, also under its name in arguments ``device``."""
    tensor: Callable[..., torch.Tensor] = torch.tensor
    autocast = torch.autocast

    def placed_tensor(data: Any, *, dtype: Any = None, device: Any = None, **options: Any) -> torch.Tensor:
        # On meta torch.tensor makes a tensor without values.
        made = tensor(data, dtype=dtype, **options)
        return made if device is None else made.to(device)

    def cast(device_type: str, *args: Any, **options: Any) -> Any:
        return nullcontext() if device_type == OTHER.type else autocast(device_type, *args, **options)

    with monkeypatch.context() as patch, _OtherDevice():
        patch.setattr(torch, "Generator", _OtherGenerator)
        patch.setattr(torch, "tensor", placed_tensor)
        patch.setattr(torch, "autocast", cast)
        for name, module in list(sys.modules.items()):
            if name.startswith(PACKAGES) and hasattr(module, "pick_device"):
                patch.setattr(module, "pick_device", torch.device)
        yield OTHER


def _compute(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run an operation on the values of its tensors; its results lie where a GPU would have them."""
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    here = any(isinstance(tensor, OtherTensor) for tensor in tensors)
    asked = kwargs.get("device")
    there = here if asked is None else torch.device(asked) == OTHER
    if not here and not there:
        return func(*args, **kwargs)
    if torch.is_inference_mode_enabled():
        # Here even an operation that consists of others comes as one.
        with _OtherDevice():
            parts = func.decompose(*args, **kwargs)
        if parts is not NotImplemented:
            return parts
    _check(func, tensors, args, kwargs, here, there)
    given, options = tree_map(_values, (args, {**kwargs, **({"device": CPU} if asked is not None else {})}))
    # An inference tensor could not share its storage with a view.
    with torch.inference_mode(False):
        out = func(*given, **options)
        if not there or (func.overloadpacket is aten.copy_ and not isinstance(args[0], OtherTensor)):
            return out
        out = tree_map(lambda leaf: OtherTensor(leaf) if isinstance(leaf, torch.Tensor) else leaf, out)
        return return_and_correct_aliasing(func, args, kwargs, out) if here else out


def _check(func: Any, tensors: list[torch.Tensor], args: Any, kwargs: Any, here: bool, there: bool) -> None:
    """Raise on mixed devices; record what waits."""
    operation = func.overloadpacket
    if operation in COPIES:
        to_other = there if operation is aten._to_copy else isinstance(args[0], OtherTensor)
        from_other = here if operation is aten._to_copy else isinstance(args[1], OtherTensor)
        if from_other != to_other and not (to_other and (kwargs.get("non_blocking") or args[2:3] == (True,))):
            Watch.record("copy to the device" if to_other else "copy to the CPU")
        return
    # A CPU tensor without dimensions counts as a number.
    strangers = [tensor for tensor in tensors if not isinstance(tensor, OtherTensor) and tensor.dim()]
    if strangers:
        raise RuntimeError(f"{func} in {_caller()}: tensors of two devices; shapes on the CPU {[t.shape for t in strangers]}")
    masks = [leaf for leaf in tree_leaves(args[1:2]) if isinstance(leaf, torch.Tensor) and leaf.dtype == torch.bool]
    chooses = operation is aten.index or (operation in (aten.index_put, aten.index_put_) and args[2].numel() > 1)
    if operation in WAITING or (operation is aten.repeat_interleave and "output_size" not in kwargs) or (chooses and masks):
        Watch.record(operation.__name__)


def _values(leaf: Any) -> Any:
    return leaf.held if isinstance(leaf, OtherTensor) else leaf


def _caller() -> str:
    """The innermost function of this project on the stack: ``module:function``."""
    frame = sys._getframe(1)
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in PACKAGES:
            # Python 3.12 has no functions inside list comprehensions any more.
            name = frame.f_code.co_qualname.partition(".<locals>")[0]
            return f"{'.'.join(path.relative_to(ROOT).with_suffix('').parts)}:{name}"
        frame = frame.f_back
    return "?"
