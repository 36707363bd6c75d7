"""Makes index/minilm.onnx: the graph of all-MiniLM-L6-v2, its weights left in the package's model.safetensors.

`python -m index.export` writes it; each initializer points by offset and length into the safetensors file, so the graph
itself is small and nothing is copied. Input: token ids and mask, (batch, tokens) int64; output: unit vectors,
(batch, 384) float32, mean-pooled over the mask. Needs the `onnx` package, which users don't. It leaves out checking the
weights' digest (`index.embedding.minilm_folder` does) and any other model.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

HEADS = 12
WIDTH = 384
LAYERS = 6


def safetensors_layout(path: Path) -> dict[str, tuple[list[int], int, int]]:
    """Each float32 tensor's shape, offset in the file and length in bytes."""
    with path.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header: dict[str, Any] = json.loads(file.read(size))
    return {
        name: (entry["shape"], 8 + size + entry["data_offsets"][0], entry["data_offsets"][1] - entry["data_offsets"][0])
        for name, entry in header.items()
        if name != "__metadata__" and entry["dtype"] == "F32"
    }


def minilm_graph(weights: Path) -> bytes:
    """The serialised ONNX model for the safetensors file `weights`, which is only read for its layout."""
    from onnx import TensorProto, helper

    layout = safetensors_layout(weights)
    nodes: list[Any] = []
    initializers: dict[str, Any] = {}

    def weight(name: str) -> str:
        shape, offset, length = layout[name]
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
        for key, value in (("location", weights.name), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
        initializers[name] = tensor
        return name

    def constant(name: str, values: list[int] | list[float], shape: list[int] | None = None) -> str:
        kind = TensorProto.FLOAT if isinstance(values[0], float) else TensorProto.INT64
        initializers[name] = helper.make_tensor(name, kind, [len(values)] if shape is None else shape, values)
        return name

    def add(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def norm(x: str, prefix: str, output: str) -> str:
        scale, bias = weight(f"{prefix}.weight"), weight(f"{prefix}.bias")
        return add("LayerNormalization", [x, scale, bias], output, axis=-1, epsilon=1e-12)

    def dense(x: str, prefix: str, output: str) -> str:
        return add("Gemm", [x, weight(f"{prefix}.weight"), weight(f"{prefix}.bias")], output, transB=1)

    shape = add("Shape", ["input_ids"], "shape")
    tokens = add("Gather", [shape, constant("one", [1])], "token_count")
    flat, heads = constant("flat", [-1, WIDTH]), constant("heads_shape", [0, 0, HEADS, WIDTH // HEADS])
    batched = add("Concat", [shape, constant("width", [WIDTH])], "batched_shape", axis=0)

    words = add("Gather", [weight("embeddings.word_embeddings.weight"), "input_ids"], "words")
    places = add(
        "Slice",
        [weight("embeddings.position_embeddings.weight"), constant("zero", [0]), tokens, constant("axis", [0])],
        "places",
    )
    types = add("Gather", [weight("embeddings.token_type_embeddings.weight"), constant("type", [0], [])], "types")
    total = add("Add", [add("Add", [words, places], "placed"), types], "embedded")
    hidden = add("Reshape", [norm(total, "embeddings.LayerNorm", "hidden0"), flat], "hidden0_flat")

    mask = add("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT)
    outside = add("Sub", [constant("one_float", [1.0], []), mask], "outside")
    penalty = add("Mul", [outside, constant("minus_many", [-1e9], [])], "penalty_flat")
    penalty = add("Unsqueeze", [penalty, constant("mask_axes", [1, 2])], "penalty")
    scale = constant("scale", [(WIDTH / HEADS) ** -0.5], [])

    for layer in range(LAYERS):
        prefix, tag = f"encoder.layer.{layer}", f"layer{layer}"

        def split(name: str, order: list[int], *, prefix: str = prefix, tag: str = tag, hidden: str = hidden) -> str:
            x = dense(hidden, f"{prefix}.attention.self.{name}", f"{tag}_{name}_flat")
            x = add("Reshape", [add("Reshape", [x, batched], f"{tag}_{name}_rows"), heads], f"{tag}_{name}_heads")
            return add("Transpose", [x], f"{tag}_{name}", perm=order)

        query, key, value = split("query", [0, 2, 1, 3]), split("key", [0, 2, 3, 1]), split("value", [0, 2, 1, 3])
        scores = add("Mul", [add("MatMul", [query, key], f"{tag}_products"), scale], f"{tag}_scaled")
        shares = add("Softmax", [add("Add", [scores, penalty], f"{tag}_masked")], f"{tag}_shares", axis=-1)
        mixed = add("Transpose", [add("MatMul", [shares, value], f"{tag}_mixed")], f"{tag}_back", perm=[0, 2, 1, 3])
        attended = dense(
            add("Reshape", [mixed, flat], f"{tag}_mixed_flat"), f"{prefix}.attention.output.dense", f"{tag}_out"
        )
        hidden = norm(
            add("Add", [attended, hidden], f"{tag}_skip"), f"{prefix}.attention.output.LayerNorm", f"{tag}_mid"
        )
        wide = add("Gelu", [dense(hidden, f"{prefix}.intermediate.dense", f"{tag}_wide")], f"{tag}_gelu")
        narrow = add("Add", [dense(wide, f"{prefix}.output.dense", f"{tag}_narrow"), hidden], f"{tag}_skip2")
        hidden = norm(narrow, f"{prefix}.output.LayerNorm", f"{tag}_hidden")

    last = add("Reshape", [hidden, batched], "last_hidden")
    weights3 = add("Unsqueeze", [mask, constant("last_axis", [-1])], "mask3")
    summed = add("ReduceSum", [add("Mul", [last, weights3], "kept"), constant("token_axis", [1])], "summed", keepdims=0)
    length = add("ReduceL2", [summed, constant("vector_axis", [-1])], "length", keepdims=1)
    # The mean's divisor cancels in the normalisation, so the sum is normalised as it is.
    add("Div", [summed, add("Max", [length, constant("tiny", [1e-12], [])], "safe_length")], "vectors")

    graph = helper.make_graph(
        nodes,
        "all-MiniLM-L6-v2",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
            for name in ("input_ids", "attention_mask")
        ],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", WIDTH])],
        list(initializers.values()),
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9, producer_name="newsdesk"
    )
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def main() -> None:
    from index.embedding import minilm_folder

    target = Path(__file__).with_name("minilm.onnx")
    target.write_bytes(minilm_graph(minilm_folder() / "model.safetensors"))
    print(f"{target}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
