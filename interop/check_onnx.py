"""ONNX's checker takes what Vanilla exports, and ONNX Runtime answers as Vanilla does.

    cargo test -p vanilla --test onnx            writes FOLDER: target/tmp/onnx-exports
    $(interop/venv.sh) interop/check_onnx.py target/tmp/onnx-exports

FOLDER holds NAME.onnx and NAME.json: inputs by name, outputs in the file's order, each with shape and values. Outputs
may differ by 1e-5 of their largest element, with ONNX Runtime's optimisations and without, for all rows and for one.
"""

import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

TOLERANCE = 1e-5
DTYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(string)": object}


def check(path):
    """The largest difference, as a share of the largest element of its output."""
    model = onnx.load(path, load_external_data=False)
    onnx.checker.check_model(model, full_check=True)
    case = json.loads(path.with_suffix(".json").read_text())
    worst = 0.0
    for level in (onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL, onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL):
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = level
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            path.read_bytes(), sess_options=options, providers=["CPUExecutionProvider"]
        )
        assert [x.name for x in session.get_inputs()] == list(case["inputs"]), (path, case["inputs"].keys())
        assert all(x.shape[0] == "batch" for x in session.get_inputs() + session.get_outputs()), path
        feed = {
            x.name: np.array(case["inputs"][x.name]["values"], DTYPES[x.type]).reshape(case["inputs"][x.name]["shape"])
            for x in session.get_inputs()
        }
        for rows in (None, 1):
            got = session.run(None, {name: array[:rows] for name, array in feed.items()})
            for y, wanted in zip(got, case["outputs"], strict=True):
                wanted = np.array(wanted["values"], np.float32).reshape(wanted["shape"])[:rows]
                assert y.shape == wanted.shape, (path, y.shape, wanted.shape)
                scale = np.abs(wanted).max() or 1.0
                off = np.abs(y.astype(np.float64) - wanted).max() / scale
                assert off <= TOLERANCE, f"{path.name}: off by {off:.1e} of the largest element\n{y}\n{wanted}"
                worst = max(worst, off)
    return worst


def main():
    folder = pathlib.Path(sys.argv[1])
    files = sorted(folder.glob("*.onnx"))
    assert len(files) >= 100, f"{len(files)} files in {folder}: run cargo test -p vanilla --test onnx first"
    worst = max((check(path), path.name) for path in files)
    print(f"{len(files)} models: onnx {onnx.__version__} takes them, onnxruntime {onnxruntime.__version__} is off by")
    print(f"{worst[0]:.1e} of the largest element at most ({worst[1]})")


if __name__ == "__main__":
    main()
