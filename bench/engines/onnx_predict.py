"""ONNX Runtime predicts with the weights of a `.keras` file that Vanilla trained.

The ONNX file is built here from the weights: Gemm, Relu, Gemm, Softmax. All rows go in calls of the size that was
quickest before the first answer. The "loss" of an answer is the share of wrong predictions.
"""

import os
import time

import engine

wanted = engine.definition()
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import keras
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


def onnx_of(model):
    """The chain of dense layers as an ONNX model: an affine step and an activation each."""
    nodes, weights, value = [], [], "x"
    for i, layer in enumerate(model.layers):
        kernel, bias = (np.asarray(variable) for variable in layer.get_weights())
        weights += [numpy_helper.from_array(kernel, f"w{i}"), numpy_helper.from_array(bias, f"b{i}")]
        kind = {"relu": "Relu", "softmax": "Softmax"}[keras.activations.serialize(layer.activation)]
        nodes.append(helper.make_node("Gemm", [value, f"w{i}", f"b{i}"], [f"z{i}"]))
        nodes.append(helper.make_node(kind, [f"z{i}"], [f"y{i}"]))
        value = f"y{i}"
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", model.input_shape[1]])
    y = helper.make_tensor_value_info(value, TensorProto.FLOAT, ["rows", model.output_shape[1]])
    graph = helper.make_graph(nodes, "network", [x], [y], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


x, y = wanted.data()
x = x.astype(np.float32)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = wanted.threads
proto = onnx_of(keras.models.load_model(wanted.folder / wanted.model))
session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def predict(rows):
    parts = [session.run(None, {"x": x[at : at + rows]})[0] for at in range(0, len(x), rows)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def seconds(rows):
    start = time.perf_counter()
    predict(rows)
    return time.perf_counter() - start


SIZES = sorted({min(size, len(x)) for size in (64, 256, 1000, 10_000)})
CALL = min(SIZES, key=lambda rows: min(seconds(rows) for _ in range(5)))


def calls(count):
    for _ in range(count):
        start = time.perf_counter()
        outputs = predict(CALL)
        took = time.perf_counter() - start
        yield took, float(np.mean(outputs.argmax(1) != y))


engine.serve(wanted, onnxruntime.__version__, calls, f"{CALL} rows a call")
