//! Exported models against the models: every layer that was recorded with Keras, every activation, and networks of
//! several inputs, outputs and parts. The Rust and C of all of them become one program a language, which is compiled
//! with warnings as errors and run.

#[path = "common/exported.rs"]
mod exported;

use exported::{Case, cases, composed};
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use vanilla::activations;
use vanilla::export::{Program, Work};
use vanilla::layers::{self, AnyLayer};
use vanilla::plan::reference::{self, Matrix};
use vanilla::prelude::*;

/// Elements may differ from `predict` by this share of the largest one of their output.
const TOLERANCE: f64 = 1e-6;

/// The same where f32 itself is further off: logits around ten have a rounding of 1e-6, which a softmax between two
/// likely classes passes on. `predict` is then up to 2e-6 away from f64.
const TOLERANCE_OF_TRAINED: f64 = 3e-6;

/// The largest element counts as this at least: numbers around 1 that cancel out leave 1e-7 of rounding.
const FLOOR: f64 = 0.2;

/// Rows of each input, as floats.
fn floats_of(case: &Case, row: usize) -> Vec<Vec<f32>> {
    let one = |x: &Tensor| {
        let (all, width) = (x.to_f32(), x.len() / x.shape()[0]);
        all[row * width..(row + 1) * width].to_vec()
    };
    case.x.iter().map(one).collect()
}

/// What is wrong with these outputs of a row, each a list; `predicted` are those of all rows.
fn compare(case: &Case, row: usize, got: &[Vec<f64>], predicted: &[Tensor], what: &str) -> Option<String> {
    for (number, (got, want)) in got.iter().zip(predicted).enumerate() {
        let all = want.to_f32();
        let width = all.len() / case.rows();
        let want = &all[row * width..(row + 1) * width];
        let largest = want.iter().fold(FLOOR, |largest, y| largest.max(f64::from(y.abs())));
        let tolerance = if case.name == "trained" { TOLERANCE_OF_TRAINED } else { TOLERANCE };
        let near = |(got, want): (&f64, &f32)| {
            let want = f64::from(*want);
            (got - want).abs() <= tolerance * largest || got.is_nan() && want.is_nan() || *got == want
        };
        if got.len() != width || !got.iter().zip(want).all(near) {
            return Some(format!("{what} {}, row {row}, output {number}: {got:?} instead of {want:?}", case.name));
        }
    }
    (got.len() != predicted.len()).then(|| format!("{what} {}: {} outputs", case.name, got.len()))
}

/// A program is what the network is in f64, to the last digits, and what `predict` gives.
#[test]
fn programs_compute_what_models_predict() {
    let mut wrong = Vec::new();
    let cases = cases();
    for case in &cases {
        let (network, params) = (case.model.network().unwrap(), case.model.params().unwrap());
        let predicted = case.model.predict_all(&case.x).unwrap();
        let program = case.model.program().unwrap();
        let numbers = program.of_numbers().unwrap();
        let wide = |x: &[f32]| x.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
        for row in 0..case.rows() {
            let x: Vec<Vec<f64>> = floats_of(case, row).iter().map(|x| wide(x)).collect();
            let y = numbers.run(&x);
            wrong.extend(compare(case, row, &y, &predicted, "program of"));
            if program.fronts.iter().any(|front| !front.chain.is_empty()) {
                continue;
            }
            let xs: Vec<Vec<f64>> = program.fronts.iter().map(|front| x[front.input].clone()).collect();
            assert_eq!(program.run(&xs), numbers.run(&x), "{}", case.name);
            let matrix = |x: &[f32], cols: usize| Matrix::new(x.len() / cols, cols, wide(x));
            let w: Vec<Matrix> =
                params.variables.iter().map(|v| matrix(&v.weights.to_row_major(), v.weights.cols())).collect();
            let truth = xs.iter().map(|x| Matrix::new(1, x.len(), x.iter().copied())).collect();
            let truth = reference::values(network, &w, truth, false);
            for (y, value) in y.iter().zip(&network.outputs) {
                let near = |(y, want): (&f64, &f64)| (y - want).abs() <= 2e-7 * want.abs().max(1.0) || y == want;
                if !y.iter().zip(&truth[*value].elements).all(near) {
                    let truth = &truth[*value].elements;
                    wrong.push(format!("{}, row {row}: {y:?} where the truth is {truth:?}", case.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Every layer class stands in one of the cases, or is said to be refused.
#[test]
fn every_layer_is_exported() {
    let mut seen: Vec<String> = Vec::new();
    for case in cases() {
        let layers = case.model.layer_names();
        seen.extend(layers.iter().map(|name| case.model.get_layer(name).unwrap().class_name));
    }
    let missing: Vec<&str> =
        layers::class_names().into_iter().filter(|class| !seen.iter().any(|seen| seen == class)).collect();
    assert_eq!(missing, ["Hashing", "StringLookup"]);
}

/// Writes the bits of the outputs of every case and row: a line a case and row, a word an output.
fn check_outputs(cases: &[Case], lines: &str, language: &str) {
    let mut lines = lines.lines();
    let mut wrong = Vec::new();
    for case in cases {
        let predicted = case.model.predict_all(&case.x).unwrap();
        for row in 0..case.rows() {
            let line = lines.next().unwrap_or_default();
            let output = |words: &str| -> Vec<f64> {
                let bits = words.split_whitespace().map(|word| u32::from_str_radix(word, 16).unwrap());
                bits.map(|bits| f64::from(f32::from_bits(bits))).collect()
            };
            let y: Vec<Vec<f64>> = line.split('|').map(output).collect();
            wrong.extend(compare(case, row, &y, &predicted, language));
        }
    }
    assert_eq!(lines.next(), None);
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Runs a compiler, or says loudly that there is none.
fn run(command: &mut Command) -> Option<String> {
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("\n!!! NOT TESTED: {command:?} is not on this machine !!!\n");
            return None;
        }
        Err(error) => panic!("{command:?}: {error}"),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().take(8000).collect::<String>();
    assert!(output.status.success(), "{command:?}:\n{}{}", text(&output.stdout), text(&output.stderr));
    assert!(output.stderr.is_empty(), "{command:?}:\n{}", text(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A literal of these numbers, to the bit.
fn bits(x: &[f32], item: &dyn Fn(u32) -> String) -> String {
    x.iter().map(|x| item(x.to_bits())).collect::<Vec<_>>().join(", ")
}

#[test]
fn rust_modules_compile_without_warnings_and_agree() {
    let folder = tempfile::tempdir().unwrap();
    let cases = cases();
    let mut program = String::new();
    let mut main = String::from("fn main() {\n");
    for (number, case) in cases.iter().enumerate() {
        case.model.export(folder.path().join(format!("m{number}.rs"))).unwrap();
        let _ = writeln!(program, "mod m{number};");
        let outputs = case.model.output_names().len();
        let results: Vec<String> = (0..outputs).map(|at| format!("y{at}")).collect();
        let pattern = if outputs == 1 { results[0].clone() } else { format!("({})", results.join(", ")) };
        for row in 0..case.rows() {
            let x = floats_of(case, row);
            let item = |bits: u32| format!("{bits}");
            let x: Vec<String> = x.iter().map(|x| format!("&[{}].map(f32::from_bits)", bits(x, &item))).collect();
            let shows: Vec<String> = results.iter().map(|y| format!("show(&{y})")).collect();
            let joined = shows.join(", ");
            let _ = writeln!(main, "    let {pattern} = m{number}::predict({});", x.join(", "));
            let _ = writeln!(main, "    println!(\"{{}}\", [{joined}].join(\"|\"));");
        }
    }
    main += "}\n\nfn show(y: &[f32]) -> String {\n    \
             y.iter().map(|y| format!(\"{:x}\", y.to_bits())).collect::<Vec<_>>().join(\" \")\n}\n";
    let source = folder.path().join("main.rs");
    std::fs::write(&source, program + "\n" + &main).unwrap();
    let binary = folder.path().join("main");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let mut compiler = Command::new(rustc);
    compiler.args(["--edition", "2021", "-D", "warnings", "-C", "debuginfo=0", "-o"]).arg(&binary).arg(&source);
    if run(&mut compiler).is_some() {
        let lines = run(&mut Command::new(&binary)).unwrap();
        check_outputs(&cases, &lines, "Rust of");
    }
}

/// The optimised code has no call of anything that panics.
#[test]
fn rust_modules_do_not_panic() {
    let folder = tempfile::tempdir().unwrap();
    let mut library = String::new();
    for (number, case) in composed().iter().enumerate() {
        case.model.export(folder.path().join(format!("m{number}.rs"))).unwrap();
        let _ = writeln!(library, "pub mod m{number};");
    }
    let (source, assembly) = (folder.path().join("lib.rs"), folder.path().join("lib.s"));
    std::fs::write(&source, library).unwrap();
    let mut compiler = Command::new(std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into()));
    compiler.args(["--edition", "2021", "--crate-type", "lib", "-O", "--emit", "asm", "-o"]).arg(&assembly);
    if run(compiler.arg(&source)).is_some() {
        let text = std::fs::read_to_string(&assembly).unwrap();
        let calls: Vec<&str> = text.lines().filter(|line| line.contains("panic")).take(9).collect();
        assert!(text.contains("predict") && calls.is_empty(), "{}", calls.join("\n"));
    }
}

#[test]
fn c_headers_compile_without_warnings_and_agree() {
    let folder = tempfile::tempdir().unwrap();
    let cases: Vec<Case> = cases().into_iter().enumerate().map(named).collect();
    let mut main = String::from("#include <stdio.h>\n#include <string.h>\n");
    let mut body = String::new();
    for (number, case) in cases.iter().enumerate() {
        case.model.export(folder.path().join(format!("case_{number}.h"))).unwrap();
        let _ = writeln!(main, "#include \"case_{number}.h\"");
        let outputs: Vec<usize> =
            case.model.predict_all(&case.x).unwrap().iter().map(|y| y.len() / case.rows()).collect();
        for row in 0..case.rows() {
            body += "    {\n";
            let mut arguments = Vec::new();
            for (at, x) in floats_of(case, row).iter().enumerate() {
                let item = |bits: u32| format!("{bits}u");
                let (words, count) = (bits(x, &item), x.len());
                let _ = writeln!(body, "        static const unsigned int b{at}[] = {{ {words} }};");
                let _ =
                    writeln!(body, "        float x{at}[{count}];\n        memcpy(x{at}, b{at}, sizeof x{at});");
                arguments.push(format!("x{at}"));
            }
            for (at, count) in outputs.iter().enumerate() {
                let _ = writeln!(body, "        float y{at}[{count}];");
                arguments.push(format!("y{at}"));
            }
            let _ = writeln!(body, "        case_{number}_predict({});", arguments.join(", "));
            for (at, count) in outputs.iter().enumerate() {
                let bar = if at == 0 { " " } else { " |" };
                let _ = writeln!(body, "        printf(\"{bar}\");\n        show(y{at}, {count});");
            }
            body += "        printf(\"\\n\");\n    }\n";
        }
    }
    main += "\nstatic void show(const float *y, int count) {\n    for (int i = 0; i < count; i++) {\n        \
             unsigned int bits;\n        memcpy(&bits, &y[i], sizeof bits);\n        printf(\" %x\", bits);\n    }\n}\n";
    let source = folder.path().join("main.c");
    std::fs::write(&source, format!("{main}\nint main(void) {{\n{body}    return 0;\n}}\n")).unwrap();
    compile_and_compare(folder.path(), &source, &cases);
}

/// By the name that its header has.
fn named((number, case): (usize, Case)) -> Case {
    Case { model: case.model.with_name(format!("case_{number}")), ..case }
}

fn compile_and_compare(folder: &Path, source: &Path, cases: &[Case]) {
    let binary = folder.join("main_c");
    let warnings = ["-Wall", "-Wextra", "-Werror", "-Wshadow", "-Wconversion"];
    let mut compiler = Command::new("gcc");
    compiler.args(["-std=c99", "-Wpedantic", "-O1", "-ffp-contract=off"]).args(&warnings[..3]);
    compiler.arg("-o").arg(&binary).arg(source).arg("-lm");
    if run(&mut compiler).is_some() {
        let lines = run(&mut Command::new(&binary)).unwrap();
        check_outputs(cases, &lines.replace(" |", "|"), "C of");
    }
    // As C++.
    let mut compiler = Command::new("g++");
    compiler.args(["-x", "c++", "-fsyntax-only"]).args(&warnings[..3]).arg(source);
    run(&mut compiler);
}

/// The names of a model cannot become code.
#[test]
fn names_are_only_names() {
    let evil = "*/ #error x \"; } fn main() { \\u{202e} 网 ??/";
    let x = Input::new([2]).name(evil).tensor();
    let y = Dense::new(2).name(format!("a{evil}")).call(&x);
    let z = Dense::new(2).name(format!("b{evil}")).call(&x);
    let mut model = Model::new(&x, [&y, &z]).unwrap().with_name(format!("{evil}\u{202e}\n#error y\n"));
    model.set_class_names([evil, "b"]).unwrap();
    model.set_feature_names(0, ["a", evil]).unwrap();
    model.set_note("evil", evil).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let program: Program = model.program().unwrap();
    assert!(program.steps.iter().all(|step| matches!(step.work, Work::Affine { .. })));
    let [rust, c] = [folder.path().join("evil.rs"), folder.path().join("evil.h")];
    model.export(&rust).unwrap();
    model.export(&c).unwrap();
    for path in [&rust, &c] {
        assert!(std::fs::read(path).unwrap().is_ascii(), "{}", path.display());
    }
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let mut compiler = Command::new(rustc);
    compiler.args(["--edition", "2021", "--crate-type", "lib", "-D", "warnings", "-o"]);
    run(compiler.arg(folder.path().join("evil.rlib")).arg(&rust));
    let mut compiler = Command::new("gcc");
    compiler.args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-x", "c"]);
    run(compiler.arg(&c));
}

/// Arguments are called after inputs and outputs, functions after the model: they may meet.
#[test]
fn arguments_do_not_hide_functions() {
    let folder = tempfile::tempdir().unwrap();
    for (name, inputs, outputs) in [
        ("x", ["affine", "place"], ["a", "b"]),
        ("x", ["f_tanh", "kernel"], ["row_softmax", "max"]),
        ("y", ["a", "b"], ["affine", "place"]),
        ("y", ["a", "b"], ["predict", "f_tanh"]),
        ("x", ["predict", "predict 2"], ["a", "b"]),
    ] {
        let [a, b] = inputs.map(|name| Input::new([3]).name(name).tensor());
        let both = Concatenate::new().call([&Dense::new(2).activation("tanh").name("kernel 2").call(&a), &b]);
        let largest = Maximum::new().name(outputs[1]).call([&a, &b]);
        let classes = Dense::new(2).activation("softmax").name(outputs[0]).call(&both);
        let model = Model::new([&a, &b], [&classes, &largest]).unwrap();
        let path = folder.path().join("model.h");
        model.with_name(name).export(&path).unwrap();
        for (compiler, language) in [("gcc", ["-std=c99", "-xc"]), ("g++", ["-std=c++11", "-xc++"])] {
            let mut compiler = Command::new(compiler);
            compiler.args(language).args([
                "-Wall",
                "-Wextra",
                "-Wpedantic",
                "-Wshadow",
                "-Werror",
                "-fsyntax-only",
            ]);
            run(compiler.arg(&path));
        }
    }
}

/// Both files of a small model, whole: the texts that people see.
#[test]
fn whole_files() {
    let mut model = Sequential::new(layers![
        Dense::new(3).activation("selu").input_dim(2),
        BatchNormalization::new(),
        Dense::new(2).activation("softmax"),
    ])
    .unwrap()
    .with_name("Two moons");
    let weights: Vec<Tensor> = model.get_weights().iter().map(|w| quarters(w.shape())).collect();
    model.set_weights(&weights).unwrap();
    model.set_class_names(["upper", "lower"]).unwrap();
    model.set_note("source", "made by hand").unwrap();
    insta::assert_snapshot!("exported_rust", model.to_rust().unwrap());
    insta::assert_snapshot!("exported_c", model.to_c().unwrap());
}

/// Numbers that are written with few digits.
fn quarters(shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    Tensor::new((0..count).map(|i| 0.25 * (i + 1) as f32).collect::<Vec<_>>(), shape).unwrap()
}

/// Says no formula.
#[derive(Debug)]
struct Secret;

impl vanilla::plan::RowFunction for Secret {
    fn name(&self) -> &str {
        "secret"
    }
    fn forward(&self, x: &[f32], _: &vanilla::plan::RowWeights<'_>, y: &mut [f32]) {
        y.copy_from_slice(x);
    }
    fn backward(
        &self,
        _: &[f32],
        _: &vanilla::plan::RowWeights<'_>,
        _: &[f32],
        dy: &[f32],
        dx: &mut [f32],
        _: &mut vanilla::plan::RowGradients<'_>,
    ) {
        dx.copy_from_slice(dy);
    }
}

#[test]
fn what_cannot_be_exported_is_refused() {
    let of = |layers: Vec<AnyLayer>| Sequential::new(layers).unwrap();
    let secret = activations::Activation::Row(std::sync::Arc::new(Secret));
    let own = of(layers![Dense::new(2).name("first").activation(secret).input_dim(2)]);
    let text = Input::new([1]).name("colour").dtype("string").tensor();
    let lookup = StringLookup::new().name("lookup").vocabulary(["red"]).output_mode("one_hot").call(&text);
    let strings = Model::new(&text, &Dense::new(1).call(&lookup)).unwrap();
    let bare = of(layers![Dense::new(2)]);
    let fine = of(layers![Dense::new(2).input_dim(2)]);
    let error = |result: Result<String>| result.unwrap_err().to_string();
    let folder = tempfile::tempdir().unwrap();
    let ending = fine.export(folder.path().join("model.js")).unwrap_err().to_string();
    fine.export(folder.path().join("MODEL.ONNX")).unwrap();
    assert!(
        ending.ends_with("model.js: cannot be exported: expected a name that ends in .onnx, .rs (Rust) or .h (C)"),
        "{ending}"
    );
    assert_eq!(
        error(own.to_rust()),
        "layer 'first' (Dense): cannot be exported: its function 'secret' states no formula for this shape. Implement \
         `formula` for it, or leave the layer out"
    );
    assert_eq!(
        error(strings.to_c()),
        "layer 'lookup' (StringLookup): cannot be exported: only what makes numbers of numbers can, without hashing, and \
         in tables of up to a million entries. Export the model behind it, and look up before it is called"
    );
    assert_eq!(
        error(bare.to_c()),
        "the model's input shape is not known yet: give the first layer an input_dim, or call build"
    );
}
