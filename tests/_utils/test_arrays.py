"""What tells arrays from tensors."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
import torch

from adain._utils.arrays import device_of, is_tensor, moved, namespace, no_gradients
from adain._utils.threads import count_threads


def test_kinds() -> None:
    array, tensor = np.ones(2, np.float32), torch.ones(2)
    assert (is_tensor(array), is_tensor(tensor), is_tensor("x")) == (False, True, False)
    assert (namespace(array), namespace(tensor)) == (np, torch)
    assert (device_of(array), device_of(tensor)) == (None, torch.device("cpu"))
    assert moved(array, None) is array
    assert moved(tensor.requires_grad_(), None).base is not None
    assert isinstance(moved(array, "cpu"), torch.Tensor)
    with no_gradients():
        assert not (tensor * 2).requires_grad


def test_while_another_thread_imports_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    assert not is_tensor(np.ones(2))
    assert count_threads() >= 1
    with no_gradients():
        pass
