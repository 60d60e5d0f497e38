//! ONNX, both ways: files of other tools, our own for ONNX Runtime, and hostile ones.

mod computed;
mod export;
mod graphs;
mod import;
mod models;
mod refused;

/// Elements may differ by this share of the largest one.
const TOLERANCE: f32 = 1e-5;

#[track_caller]
fn near(name: &str, got: &[f32], wanted: &[f32]) {
    assert_eq!(got.len(), wanted.len(), "{name}");
    let scale = wanted.iter().fold(0f32, |most, x| most.max(x.abs()));
    for (at, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        assert!((got - wanted).abs() <= TOLERANCE * scale, "{name}: element {at}: {got}, expected {wanted}");
    }
}
