"""What an adapter adds to the weights; tests/conformance/test_running_engines.py compares it with llama.cpp's."""

from typing import Any

import numpy as np
import pytest

from homeport.engines.children.lora import UnsuitedAdapter, changes

LOW, HIGH = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 2.0]])


@pytest.mark.parametrize(("alpha", "scale"), [(0.0, 1.0), (2.0, 1.0), (8.0, 4.0)])
def test_the_change_of_a_weight(alpha: float, scale: float) -> None:
    ((name, change),) = changes({"w.lora_a": LOW, "w.lora_b": HIGH}, alpha)
    assert name == "w"
    assert change.tolist() == [[scale, 2 * scale, 3 * scale], [0, 2 * scale, 0]]


@pytest.mark.parametrize(
    "tensors",
    [
        {"w.lora_a": LOW},
        {"w.lora_b": HIGH},
        {"w.lora_a": LOW, "w.lora_b": HIGH, "norm.weight": LOW},
        {"w.lora_a": LOW, "w.lora_b": HIGH, "w.lora_c": HIGH},
        {"w.lora_a": LOW, "w.lora_b": HIGH.T[:1].T},
        {"w.lora_a": LOW[None], "w.lora_b": HIGH[None]},
        {"token_embd.weight.lora_a": np.ones((50, 2)), "token_embd.weight.lora_b": np.ones((3, 2))},
    ],
)
def test_anything_else_is_refused(tensors: dict[str, Any]) -> None:
    with pytest.raises(UnsuitedAdapter):
        list(changes(tensors, 8.0))
