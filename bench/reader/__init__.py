"""The reader's training: `data` and negatives, the `model`, the loop (`train`), int8 ONNX (`export`)."""
