"""Writes the trained reader as int8 ONNX: `python -m bench.reader.export [--weights reader.safetensors] [--out FILE]`.

Exported in float32, attention and GELU fused by ONNX Runtime's optimiser, then the matrix products quantised
dynamically, a scale a channel. Prints the size and the SHA-256 that `rag.read.READER_SHA256` has to name.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import warnings
from pathlib import Path

import torch

from bench.reader.model import ReaderModel

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OUTPUTS = ("span", "relevance")


def export(weights: Path, out: Path) -> str:
    """Writes `out` and gives its SHA-256."""
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers.optimizer import optimize_model

    model = ReaderModel.start(weights, attention="eager").eval()  # the form that the optimiser knows
    example = tuple(torch.ones((2, 9), dtype=torch.long) for _ in INPUTS)
    axes = {name: {0: "batch", 1: "tokens"} for name in (*INPUTS, "span")} | {"relevance": {0: "batch"}}
    with tempfile.TemporaryDirectory() as folder:
        plain, fused = Path(folder, "plain.onnx"), Path(folder, "fused.onnx")
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # the exporter that traces is deprecated; it needs no further package
            torch.onnx.export(
                model,
                example,
                str(plain),
                input_names=list(INPUTS),
                output_names=list(OUTPUTS),
                dynamic_axes=axes,
                opset_version=17,
                dynamo=False,
            )
        optimize_model(str(plain), model_type="bert", num_heads=12, hidden_size=384).save_model_to_file(str(fused))
        # The fused operators are ONNX Runtime's own: shape inference does not see through them.
        options = {"DefaultTensorType": TensorProto.FLOAT}
        quantize_dynamic(fused, out, per_channel=True, weight_type=QuantType.QInt8, extra_options=options)
    return hashlib.sha256(out.read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--weights", type=Path, default=Path("bench/out/reader/reader.safetensors"))
    parser.add_argument("--out", type=Path, default=Path("bench/out/reader/reader.onnx"))
    options = parser.parse_args()
    digest = export(options.weights, options.out)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB, SHA-256 {digest}")


if __name__ == "__main__":
    main()
