"""LoRA adapters in GGUF, added to the weights of a model: W + alpha / r * B A, in float32.

Sources: Hu and others, "LoRA: Low-Rank Adaptation of Large Language Models" (2021). Names and rules of the file are
those of llama.cpp: `convert_lora_to_gguf.py`, which makes it, and `llama-adapter.cpp`, which adds B (A x) to each W x.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_INVOKED = "adapter.alora.invocation_tokens"


class UnsuitedAdapter(Exception):
    """It cannot be added to the weights of this model."""


def add_adapter(model: Any, path: Path) -> None:
    """Add an adapter to a model that transformers loaded in float32.

    Tensors are named, and laid out, as in the model's own GGUF: transformers maps both to its weights, as it does for
    those of a model.

    Raises:
        UnsuitedAdapter: it is none, or not for this model; some of it may be added by then.
    """
    import gguf
    import torch
    from transformers import modeling_gguf_pytorch_utils as mapping

    reader = gguf.GGUFReader(path)
    facts = {
        name: field.contents() for name, field in reader.fields.items() if name.startswith(("general.", "adapter."))
    }
    if facts.get("adapter.type") != "lora" or _INVOKED in facts:
        raise UnsuitedAdapter("it is no LoRA adapter that holds for every token")
    processor = mapping.TENSOR_PROCESSORS.get(facts.get("general.architecture"), mapping.TensorProcessor)(
        config=model.config.to_dict()
    )
    names = mapping.get_gguf_hf_weights_map(model, processor)
    weights = dict(model.named_parameters())
    tensors = {tensor.name: gguf.dequantize(tensor.data, tensor.tensor_type) for tensor in reader.tensors}
    for name, change in changes(tensors, float(facts.get("adapter.lora.alpha") or 0)):
        laid_out = processor.process(change, name, tensor_key_mapping=names, parsed_parameters={"tensors": {}}).weights
        weight = weights.get(names.get(name, ""))
        if weight is None or tuple(weight.shape) != laid_out.shape:
            raise UnsuitedAdapter(f"the model has no {name} of that shape")
        weight.data += torch.from_numpy(laid_out.copy())


def changes(tensors: Mapping[str, Any], alpha: float) -> Iterator[tuple[str, Any]]:
    """What an adapter adds to each weight, by the weight's name.

    Args:
        tensors: two for each weight, as arrays: NAME.lora_a (r by inputs) and NAME.lora_b (outputs by r).
        alpha: 0 for 1 / r, times r.

    Raises:
        UnsuitedAdapter: there is anything else. So it is for embeddings, whose halves are laid out in another way.
    """
    for half in tensors:
        name, _, which = half.rpartition(".lora_")
        low, high = (tensors.get(f"{name}.lora_{one}") for one in "ab")
        if which not in ("a", "b") or low is None or high is None:
            raise UnsuitedAdapter(f"{half} is not one of two halves")
        if not (low.ndim == high.ndim == 2 and low.shape[0] == high.shape[1]):
            raise UnsuitedAdapter(f"the halves of {name} do not fit each other")
        if which == "a":
            yield name, (high @ low) * (alpha / len(low) if alpha else 1.0)
