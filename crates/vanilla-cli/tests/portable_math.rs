//! `--portable-math`: the same bits on every instruction set.

mod common;

use common::*;

/// A network with every vectorised activation and a random mask, 34 units wide so that lines have padding.
fn network(optimizer: &str) -> String {
    let hidden = ["relu", "gelu", "sigmoid", "tanh", "silu", "softplus", "elu", "selu"];
    let mut layers =
        "{ class = \"Dense\", units = 34, input_dim = 4 }, { class = \"Dropout\", rate = 0.1 }".to_owned();
    for activation in hidden {
        layers += &format!(
            ", {{ class = \"Dense\", units = 34, activation = \"{activation}\", \
             kernel_initializer = \"he_normal\" }}"
        );
    }
    layers += ", { class = \"Dense\", units = 3, activation = \"softmax\" }";
    experiment(&layers, "sparse_categorical_crossentropy", "epochs = 3\nbatch_size = 7")
        .replace("optimizer = \"adam\"", &format!("optimizer = {optimizer}"))
}

/// What `weights_sha256` has been since the arithmetic exists: on any machine.
const GOLDEN: [(&str, &str); 4] = [
    ("\"adam\"", "6ca991a1ae5683d1c54ec245df342dc416f857f4b681fa8a10b4942936d81763"),
    ("\"rmsprop\"", "e33934e16031b8a1fc48c59830722d9b1d4db0c9c62c69d6fe34e2e66cea2569"),
    ("\"sgd\"", "ae2aac99f6c469f92e4a3c5e500d4b6136c24d3e2f29455e5c276c3bc64fb545"),
    (
        "{ class = \"SGD\", learning_rate = 0.01, momentum = 0.9, nesterov = true }",
        "dea8d1de0cd0d9eecf23050dd1279411721138b02bbf711ff73e2b8aa8d0f660",
    ),
];

#[test]
fn every_instruction_set_gives_the_golden_bits() {
    let folder = Folder::new();
    folder.write("data.npz", tiny_npz());
    for (optimizer, golden) in GOLDEN {
        folder.write("e.toml", network(optimizer));
        let mut tested = 0;
        for cpu in ["scalar", "avx2", "avx512"] {
            let mut command =
                folder.command(&["train", "e.toml", "--portable-math", "--quiet", "--json", "--force"]);
            let ran = Ran::of(command.args(["--out", "run"]).env("VANILLA_CPU", cpu).output().unwrap());
            if ran.code == Some(2) && ran.stderr.contains("this machine has no") {
                println!("SKIPPED: this machine has no {cpu}");
                continue;
            }
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
            let metrics: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
            assert_eq!(metrics["weights_sha256"], golden, "{cpu}, {optimizer}");
            tested += 1;
        }
        assert!(tested > 0);
    }
}
