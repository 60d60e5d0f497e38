"""Records small ONNX files that other tools make, with ONNX Runtime's answers, into crates/vanilla/tests/golden/onnx.

NAME.onnx      the file: of Keras 3 (model.export), of scikit-learn (skl2onnx), or a graph as PyTorch's exporter
               writes it (Linear is Gemm with transB = 1; names such as /fc1/Gemm), made by onnx.helper
NAME.json      inputs     flat, by name: shape and values
               outputs    ONNX Runtime's, in the file's order, without labels

Beside requirements.txt it needs tf2onnx==1.17.0 (without its dependencies), skl2onnx==1.20.0, scikit-learn==1.9.1.
"""

import json
import os
import pathlib
import warnings

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
warnings.filterwarnings("ignore")

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

OUT = pathlib.Path(__file__).parent.parent / "crates/vanilla/tests/golden/onnx"
ROWS = 5


def record(name, model, **inputs):
    """Writes a file and what ONNX Runtime answers."""
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    assert len(data) < 20_000, (name, len(data))
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    outputs = session.run(None, inputs)
    outputs = [y for y in outputs if y.dtype in (np.float32, np.float64)]

    def case(array):
        values = [float(x) if array.dtype.kind == "f" else int(x) for x in array.ravel()]
        return {"shape": list(array.shape), "values": values}

    text = {
        "producer": f"{model.producer_name} {model.producer_version}".strip(),
        "inputs": {name: case(array) for name, array in inputs.items()},
        "outputs": [case(array) for array in outputs],
    }
    (OUT / f"{name}.onnx").write_bytes(data)
    (OUT / f"{name}.json").write_text(json.dumps(text) + "\n")
    print(f"{name}: {len(data)} bytes, {[n.op_type for n in model.graph.node]}")


def normal(seed, *shape, scale=1.0):
    return (np.random.default_rng(seed).normal(size=shape) * scale).astype(np.float32)


def of_keras():
    import keras
    from keras import layers as L

    def export(name, model, **inputs):
        keras.utils.set_random_seed(7)
        for weight in model.weights:
            value = normal(len(weight.path), *weight.shape, scale=0.4)
            weight.assign(np.abs(value) + 0.5 if "variance" in weight.path else value)
        model.predict(inputs if len(inputs) > 1 else list(inputs.values())[0], verbose=0)
        path = str(OUT.resolve() / f"{name}.tmp")
        model.export(path, format="onnx", verbose=False)
        file = onnx.load(path)
        os.remove(path)
        record(name, file, **inputs)

    x = keras.Input((4,), name="x")
    h = L.Dense(16, activation="relu", name="hidden")(x)
    h = L.BatchNormalization(name="norm")(h)
    h = L.Dropout(0.3)(h)
    h = L.Dense(8, activation="elu", name="second")(h)
    y = L.Dense(3, activation="softmax", name="classes")(h)
    export("keras_classifier", keras.Model(x, y), x=normal(1, ROWS, 4))

    a, b = keras.Input((6, 2), name="a"), keras.Input((3,), name="b")
    f = L.Flatten()(L.Rescaling(1 / 255.0, offset=-0.5)(a))
    f = L.Dense(5, activation="tanh", name="left")(f)
    g = L.Dense(5, activation="silu", name="right", use_bias=False)(b)
    both = L.Concatenate()([L.Add()([f, g]), L.Multiply()([f, g]), b])
    y = L.Dense(1, activation="sigmoid", name="yes")(both)
    z = L.Dense(2, name="number")(L.LeakyReLU(negative_slope=0.1)(both))
    export("keras_graph", keras.Model([a, b], [y, z]), a=normal(2, ROWS, 6, 2, scale=100), b=normal(3, ROWS, 3))

    # tf2onnx has no Expm1 (celu) and no Erfc (gelu).
    words = "relu6 softplus softsign selu exponential hard_sigmoid hard_tanh log_softmax leaky_relu mish silu"
    x = keras.Input((4,), name="x")
    outputs = [L.Dense(3, activation=word, name=word)(x) for word in words.split()]
    export("keras_activations", keras.Model(x, L.Concatenate()(outputs)), x=normal(4, ROWS, 4))


def of_sklearn():
    from skl2onnx import to_onnx
    from sklearn.datasets import load_iris
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = load_iris(return_X_y=True)
    x = x.astype(np.float32)
    options = {"zipmap": False}

    def fitted(model, target):
        return make_pipeline(StandardScaler(), model).fit(x, target)

    mlp = {"max_iter": 300, "random_state": 1}
    classifier = fitted(MLPClassifier(hidden_layer_sizes=(12, 6), **mlp), y)
    record("sklearn_classifier", to_onnx(classifier, x[:1], options=options, target_opset=17), X=x[::31])
    names = np.array(["setosa", "other"])[(y > 0).astype(int)]
    binary = fitted(MLPClassifier(hidden_layer_sizes=(8,), activation="logistic", **mlp), names)
    record("sklearn_binary", to_onnx(binary, x[:1], options=options, target_opset=20), X=x[::31])
    regressor = fitted(MLPRegressor(hidden_layer_sizes=(8,), activation="tanh", **mlp), x[:, 0])
    record("sklearn_regressor", to_onnx(regressor, x[:1], target_opset=15), X=x[::31])


def graph(name, opset, nodes, inputs, outputs, weights, ir=8):
    """A graph as PyTorch's exporter writes it."""
    info = lambda many: [helper.make_tensor_value_info(n, t, s) for n, t, s in many]
    tensors = [numpy_helper.from_array(np.asarray(array), key) for key, array in weights.items()]
    made = helper.make_graph(nodes, name, info(inputs), info(outputs), tensors)
    model = helper.make_model(
        made, producer_name="pytorch", producer_version="2.3.0", opset_imports=[helper.make_opsetid("", opset)]
    )
    model.ir_version = ir
    return model


def of_torch():
    F = TensorProto.FLOAT
    N = helper.make_node
    linear = lambda name, x, y: N(
        "Gemm", [x, f"{name}.weight", f"{name}.bias"], [y], f"/{name}/Gemm", alpha=1.0, beta=1.0, transB=1
    )
    weights = lambda seed, **sizes: {
        key: value
        for at, (name, (inputs, units)) in enumerate(sizes.items())
        for key, value in (
            (f"{name}.weight", normal(seed + at, units, inputs, scale=0.4)),
            (f"{name}.bias", normal(seed + at + 50, units, scale=0.4)),
        )
    }
    # Flatten, Linear, BatchNorm1d, ReLU, Dropout in inference (gone), Linear, PReLU, Linear, Softmax.
    nodes = [
        N("Flatten", ["image"], ["/flatten/Flatten_output_0"], "/flatten/Flatten", axis=1),
        linear("fc1", "/flatten/Flatten_output_0", "/fc1/Gemm_output_0"),
        N(
            "BatchNormalization",
            ["/fc1/Gemm_output_0", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"],
            ["/bn/BatchNormalization_output_0"],
            "/bn/BatchNormalization",
            epsilon=1e-5,
            momentum=0.9,
            training_mode=0,
        ),
        N("Relu", ["/bn/BatchNormalization_output_0"], ["/relu/Relu_output_0"], "/relu/Relu"),
        linear("fc2", "/relu/Relu_output_0", "/fc2/Gemm_output_0"),
        N("PRelu", ["/fc2/Gemm_output_0", "act.weight"], ["/act/PRelu_output_0"], "/act/PRelu"),
        linear("fc3", "/act/PRelu_output_0", "/fc3/Gemm_output_0"),
        N("Softmax", ["/fc3/Gemm_output_0"], ["probabilities"], "/softmax/Softmax", axis=-1),
    ]
    tensors = weights(10, fc1=(16, 12), fc2=(12, 8), fc3=(8, 3))
    tensors |= {
        "bn.weight": normal(70, 12),
        "bn.bias": normal(71, 12),
        "bn.running_mean": normal(72, 12),
        "bn.running_var": np.abs(normal(73, 12)) + 0.5,
        "act.weight": np.array([0.25], np.float32),
    }
    image = [("image", F, ["batch_size", 1, 4, 4])]
    model = graph("main_graph", 17, nodes, image, [("probabilities", F, ["batch_size", 3])], tensors)
    record("torch_classifier", model, image=normal(20, ROWS, 1, 4, 4))

    # A residual block: x + Linear(gelu(LayerNorm(x))), gelu from erf, then x * sigmoid(x), and a reshape to
    # (batch, -1) from the shape of x.
    c = lambda name, value: N("Constant", [], [name], "/" + name, value=numpy_helper.from_array(np.array(value)))
    nodes = [
        N("LayerNormalization", ["x", "ln.weight", "ln.bias"], ["n"], "/ln/LayerNormalization", axis=-1, epsilon=1e-5),
        N("MatMul", ["n", "w1"], ["m"], "/up/MatMul"),
        N("Add", ["up.bias", "m"], ["u"], "/up/Add"),
        c("root", np.float32(1.4142135)),
        N("Div", ["u", "root"], ["d"], "/act/Div"),
        N("Erf", ["d"], ["e"], "/act/Erf"),
        c("one", np.float32(1.0)),
        N("Add", ["e", "one"], ["e1"], "/act/Add"),
        N("Mul", ["u", "e1"], ["ue"], "/act/Mul"),
        c("half", np.float32(0.5)),
        N("Mul", ["ue", "half"], ["g"], "/act/Mul_1"),
        N("MatMul", ["g", "w2"], ["k"], "/down/MatMul"),
        N("Add", ["down.bias", "k"], ["down"], "/down/Add"),
        N("Add", ["x", "down"], ["r"], "/Add"),
        N("Sigmoid", ["r"], ["s"], "/silu/Sigmoid"),
        N("Mul", ["r", "s"], ["silu"], "/silu/Mul"),
        N("Shape", ["silu"], ["shape"], "/Shape"),
        c("zero", np.int64(0)),
        N("Gather", ["shape", "zero"], ["rows"], "/Gather", axis=0),
        c("axes", np.array([0])),
        N("Unsqueeze", ["rows", "axes"], ["rows1"], "/Unsqueeze"),
        c("rest", np.array([-1])),
        N("Concat", ["rows1", "rest"], ["target"], "/Concat", axis=0),
        N("Reshape", ["silu", "target"], ["flat"], "/Reshape", allowzero=0),
        linear("head", "flat", "y"),
    ]
    tensors = weights(30, head=(12, 2)) | {
        "ln.weight": normal(31, 4),
        "ln.bias": normal(32, 4),
        "w1": normal(33, 4, 8),
        "up.bias": normal(34, 8),
        "w2": normal(35, 8, 4),
        "down.bias": normal(36, 4),
    }
    model = graph("main_graph", 17, nodes, [("x", F, ["n", 3, 4])], [("y", F, ["n", 2])], tensors)
    record("torch_block", model, x=normal(37, ROWS, 3, 4))

    # nn.Embedding of two numbers, flattened; ReLU6; ELU. Made for a batch of this size.
    nodes = [
        N("Gather", ["table", "ids"], ["rows"], "/embedding/Gather"),
        N("Reshape", ["rows", "to"], ["flat"], "/Reshape"),
        linear("fc", "flat", "h"),
        N("Clip", ["h", "low", "high"], ["clipped"], "/act/Clip"),
        N("Elu", ["clipped"], ["y"], "/elu/Elu", alpha=0.5),
    ]
    tensors = weights(40, fc=(6, 4)) | {
        "table": normal(41, 7, 3),
        "to": np.array([ROWS, 6]),
        "low": np.float32(0),
        "high": np.float32(6),
    }
    model = graph("main_graph", 13, nodes, [("ids", TensorProto.INT64, [ROWS, 2])], [("y", F, [ROWS, 4])], tensors)
    record("torch_embedding", model, ids=np.random.default_rng(5).integers(0, 7, (ROWS, 2)))


def of_operators():
    """Every operator of one value that is read, side by side."""
    N = helper.make_node
    F = TensorProto.FLOAT
    operators = [
        ("Relu", {}), ("Sigmoid", {}), ("Tanh", {}), ("Softplus", {}), ("Softsign", {}), ("Exp", {}), ("Mish", {}),
        ("HardSwish", {}), ("LeakyRelu", {"alpha": 0.05}), ("LeakyRelu", {}), ("Elu", {"alpha": 0.7}), ("Celu", {}),
        ("Selu", {}), ("Gelu", {}), ("ThresholdedRelu", {"alpha": 0.4}), ("HardSigmoid", {}),
        ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}), ("Shrink", {"lambd": 0.5, "bias": 0.0}),
        ("Shrink", {"lambd": 0.5, "bias": 0.5}), ("Neg", {}), ("Softmax", {}), ("LogSoftmax", {"axis": 1}),
        ("LpNormalization", {"p": 2, "axis": -1}), ("Identity", {}), ("Dropout", {}),
    ]  # fmt: skip
    nodes = [N(op, ["x"], [f"y{at}"], f"{op.lower()}_{at}", **keys) for at, (op, keys) in enumerate(operators)]
    x = [
        ("Add", ["x", "scalar"]), ("Sub", ["x", "row"]), ("Sub", ["scalar", "x"]), ("Mul", ["row", "x"]),
        ("Div", ["x", "row"]), ("Max", ["x", "zero"]), ("Max", ["x", "y1"]), ("Min", ["x", "y1"]),
        ("Mean", ["x", "y1", "y2"]), ("Sum", ["x", "y1", "y2"]), ("Mul", ["y1", "y2"]), ("PRelu", ["x", "row"]),
    ]  # fmt: skip
    nodes += [N(op, names, [f"z{at}"], f"two_{op.lower()}_{at}") for at, (op, names) in enumerate(x)]
    parts = [f"y{at}" for at in range(len(operators))] + [f"z{at}" for at in range(len(x))]
    nodes.append(N("Concat", parts, ["y"], "all", axis=1))
    weights = {
        "scalar": np.float32(1.5),
        "row": np.array([0.5, -2, 3, 0.25], np.float32),
        "zero": np.array([0], np.float32),
    }
    model = graph("operators", 20, nodes, [("x", F, ["batch", 4])], [("y", F, ["batch", 4 * len(parts)])], weights, 9)
    record("operators", model, x=normal(60, ROWS, 4))


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    of_operators()
    of_torch()
    of_sklearn()
    of_keras()
