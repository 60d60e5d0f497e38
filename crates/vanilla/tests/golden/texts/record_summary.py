"""Records Keras's layer tables: python record_summary.py > summary.txt  (keras 3, tensorflow, Linux).

Each case states the table as data (@model, @row, @params, @table), then what Keras printed: @print COLUMNS plain|color.
Plain texts come from a pipe, coloured ones from a pty with 256 colours; ESC is written as U+241B.
With the argument `all`, every width from 20 to 140 is recorded.
"""

import os
import pty
import re
import subprocess
import sys

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", KERAS_BACKEND="tensorflow")


def cases():
    import numpy as np
    import keras
    from keras import layers as L

    def fresh(build):
        keras.utils.clear_session()
        return build()

    def tutorial():
        return keras.Sequential([L.Input((784,)), L.Dense(1000, activation="relu"), L.Dense(10, activation="softmax")])

    def trained(optimizer, *sizes):
        m = keras.Sequential([L.Input((sizes[0],))] + [L.Dense(n) for n in sizes[1:]])
        m.compile(optimizer, "mse")
        m.fit(np.zeros((4, sizes[0])), np.zeros((4, sizes[-1])), verbose=0)
        return m

    def unbuilt():
        return keras.Sequential(
            [L.Flatten(), L.Dense(4), L.BatchNormalization(), L.LayerNormalization(), L.Activation("relu"), L.ReLU(), L.LeakyReLU(),
             L.ELU(), L.PReLU(), L.Softmax(), L.Dropout(0.5), L.AlphaDropout(0.1), L.GaussianNoise(0.1), L.GaussianDropout(0.1),
             L.ActivityRegularization(0.1), L.Rescaling(2.0), L.Reshape((2, 2)), L.Normalization()])

    def regular():
        m = keras.Sequential(
            [L.Input((300,)), L.Dense(512, name="first_hidden_layer_with_a_long_name"), L.BatchNormalization(), L.Dropout(0.5),
             L.Dense(10, name="a name with several words"), L.Activation("softmax", name="p")], name="regularised")
        m.layers[0].trainable = False
        return m

    def graph():
        a, b = L.Input((16,), name="left"), L.Input((8,), name="right")
        shared = L.Dense(4, name="shared")
        x, y = L.Dense(16, name="widen")(b), L.Dense(8, name="narrow")(a)
        z = L.Concatenate()([shared(x), shared(a), y, x])
        z = L.Add()([z, L.Dense(32, name="skip", trainable=False)(a)])
        return keras.Model([a, b], [L.Dense(1)(z), L.Dense(2)(z)], name="graph")

    def functional():
        x = keras.Input((784,))
        return keras.Model(x, L.Dense(10)(L.Dense(1000)(x)))

    def nested():
        inner = keras.Sequential([L.Input((4,)), L.Dense(8), L.Dropout(0.1)], name="encoder")
        outer = keras.Sequential([L.Input((4,)), inner, L.Dense(3)], name="outer")
        return keras.Sequential([L.Input((4,)), outer, L.Dense(1)], name="whole")

    def cjk():
        m = keras.Sequential(
            [L.Input((7,)), L.Dense(3, name="隠れ層ニューラルネットワーク"), L.Dense(5, name="a隠れ層ニューラルネットワークの二番目"),
             L.Dense(4, name="情報 科学 研究科 学習層"), L.Dense(2, name="cafe\u0301_e\u0301te\u0301"), L.Dense(2, name="👩\u200d🔬_lab_❤\ufe0f"),
             L.Dense(1, name="출력")], name="模型")
        return m

    return [
        ("tutorial", fresh(tutorial), {}, (16, 17, 20, 21, 30, 40, 57, 69, 80, 92, 93, 200)),
        ("trained", fresh(lambda: trained("adam", 784, 1000, 10)), {}, (20, 80)),
        ("tiny sgd", fresh(lambda: trained("sgd", 2, 1)), {}, (80,)),
        ("tiny rmsprop", fresh(lambda: trained("rmsprop", 300, 10, 1)), {}, (80,)),
        ("one layer", fresh(lambda: keras.Sequential([L.Input((3,)), L.Dense(1)], name="one")), {}, (80,)),
        ("empty", fresh(keras.Sequential), {}, (20, 80)),
        ("unbuilt", fresh(unbuilt), {}, (80,)),
        ("regular", fresh(regular), {}, (24, 50, 80)),
        ("regular, trainable", fresh(regular), {"show_trainable": True}, (40, 47, 80, 104, 120)),
        ("functional", fresh(functional), {}, (80,)),
        ("graph", fresh(graph), {}, (28, 40, 80, 112, 130)),
        ("graph, trainable", fresh(graph), {"show_trainable": True}, (60, 80, 124)),
        ("nested", fresh(nested), {"expand_nested": True, "show_trainable": True}, (36, 80)),
        ("cjk", fresh(cjk), {}, (20, 33, 48, 80)),
    ]


def data(model, options):
    from keras.src.utils import summary_utils as su
    import keras

    bare = lambda text: re.sub(r"\[/?(color\(\d+\))?\]", "", text)
    graph = model.name == "graph"
    rows = []

    def row(layer, level):
        name = "   " * level + "└ " + layer.name if level else layer.name
        links = []
        if graph:
            nodes = [n for v in model._nodes_by_depth.values() for n in v]
            for node in layer._inbound_nodes:
                if node in nodes:
                    for t in node.input_tensors:
                        h = t._keras_history
                        links.append(f"{h.operation.name}[{h.node_index}][{h.tensor_index}]")
        flag = "-" if not layer.weights else "Y" if layer.trainable else "N"
        params = layer.count_params() if layer.built else 0
        rows.append("\t".join(["@row " + name, type(layer).__name__, bare(su.format_layer_shape(layer)), str(params), ",".join(links), flag]))
        if options.get("expand_nested") and getattr(layer, "layers", None):
            for inner in layer.layers:
                row(inner, level + 1)

    for layer in model._operations if isinstance(model, keras.src.models.Functional) else model.layers:
        row(layer, 0)
    count = lambda w: str(su.count_params(w))
    built = model.compiled and model.optimizer and model.optimizer.built
    print("@model " + model.name)
    print(*rows, sep="\n", end="\n" if rows else "")
    print("@params", count(model.trainable_weights), count(model.non_trainable_weights), count(model.optimizer.variables) if built else "-")
    print("@table", "connected" if graph else "-", "trainable" if options.get("show_trainable") else "-")


def main(child, everything):
    for title, model, options, widths in cases():
        print("@case", title)
        data(model, options)
        for columns in range(20, 141) if everything else widths:
            os.environ["COLUMNS"] = str(columns)
            if child and not everything and columns not in (20, 80):
                continue
            print("@print", columns, "color" if child else "plain", flush=True)
            try:
                model.summary(**options)
            except ValueError:
                print("@refused")  # narrower than Keras can print


def in_terminal(everything):
    chunks = []

    def read(fd):
        chunks.append(os.read(fd, 1 << 16))
        return b""

    os.environ.update(TERM="xterm-256color", COLORTERM="")
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, __file__, "child"] + ["all"] * everything)
    try:
        while True:
            read(fd)
            if not chunks[-1]:
                break
    except OSError:
        pass
    os.waitpid(pid, 0)
    return b"".join(chunks).decode().replace("\r\n", "\n")


def merge(plain, color):
    split = lambda text: {c.split("\n", 1)[0]: c for c in text[text.index("@case") :].split("@case ")[1:]}
    plain, color = split(plain), split(color)
    for title, text in plain.items():
        print("@case " + text.rstrip("\n"))
        parts = color[title].split("@print ")[1:]
        print("".join("@print " + p for p in parts), end="")


if __name__ == "__main__":
    words = sys.argv[1:]
    if "child" in words or "pipe" in words:
        main("child" in words, "all" in words)
    else:
        everything = "all" in words
        plain = subprocess.run([sys.executable, __file__, "pipe"] + ["all"] * everything, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        sys.stdout = open(sys.stdout.fileno(), "w", encoding="utf-8", closefd=False)
        from io import StringIO

        out, sys.stdout = sys.stdout, StringIO()
        merge(plain.stdout.decode(), in_terminal(everything))
        out.write(sys.stdout.getvalue().replace("\x1b", "␛"))
