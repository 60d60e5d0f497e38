//! Draws sample figures and, from an IDX file of images, digits: `gallery DIRECTORY [IMAGES.idx]`.
//!
//! For looking at: the tests know whether ink is in its place, not whether it is a pleasure to read.

use std::path::PathBuf;
use std::time::Instant;
use vanilla_plot::curves::{Along, Figure, Marker, Panel, Series};
use vanilla_plot::digits::{Digit, grid_png, grid_terminal};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let directory =
        arguments.next().ok_or("gallery: received no directory; usage: gallery DIRECTORY [IMAGES.idx]")?;
    std::fs::create_dir_all(&directory)?;
    for (name, figure) in figures() {
        let start = Instant::now();
        let png = figure.to_png()?;
        println!("{name}: {} bytes of PNG in {:.1} ms", png.len(), start.elapsed().as_secs_f64() * 1e3);
        std::fs::write(directory.join(format!("{name}.png")), png)?;
        std::fs::write(directory.join(format!("{name}.svg")), figure.to_svg())?;
        print!("{}", figure.to_terminal(80, std::env::var_os("NO_COLOR").is_none()));
    }
    if let Some(path) = arguments.next() {
        let file = std::fs::read(path)?;
        let image = |i: usize| file.get(16 + 784 * i..16 + 784 * (i + 1)).ok_or("IDX file: too short");
        let mut digits = Vec::new();
        for i in 0..4 {
            digits.push(Digit {
                pixels: image(i)?,
                width: 28,
                height: 28,
                caption: format!("Digit: {}", [7, 2, 1, 0][i]),
            });
        }
        let start = Instant::now();
        let png = grid_png(&digits, 2)?;
        println!("digits: {} bytes of PNG in {:.1} ms", png.len(), start.elapsed().as_secs_f64() * 1e3);
        std::fs::write(directory.join("digits.png"), png)?;
        print!("{}", grid_terminal(&digits, 2, false));
        print!("{}", grid_terminal(&digits, 2, true));
    }
    Ok(())
}

fn figures() -> Vec<(&'static str, Figure)> {
    let one = |values: Vec<f64>| {
        let series = Series { label: "Training loss".into(), marker: Marker::Cross, values };
        Figure { panels: vec![panel("Training loss", "Loss", vec![series])] }
    };
    let mut first_high = tutorial(12);
    first_high.panels.truncate(1);
    first_high.panels[0].series[0].values[0] = 3.1;
    vec![
        ("tutorial", tutorial(50)),
        ("one_epoch", tutorial(1)),
        ("five_epochs", tutorial(5)),
        ("many_epochs", tutorial(5000)),
        ("first_high", first_high),
        ("constant", one(vec![0.25; 20])),
        ("empty", one(Vec::new())),
        ("gaps", one((0..40).map(|i| if i % 9 == 5 { f64::NAN } else { f64::from(i * i) * 1e6 }).collect())),
    ]
}

/// Curves shaped like a small network on MNIST, with a deterministic ripple for noise.
fn tutorial(epochs: usize) -> Figure {
    let ripple = |i: usize, phase: f64| ((i as f64 + phase) * 12.9898).sin() * 43758.5453 % 1.0;
    let time = |i: usize| i as f64 * 50.0 / epochs.max(50) as f64;
    let curve = |label: &str, marker, value: &dyn Fn(usize) -> f64| Series {
        label: label.into(),
        marker,
        values: (0..epochs).map(value).collect(),
    };
    let loss = vec![
        curve("Training loss", Marker::Cross, &|i| {
            0.27 * (-time(i) / 2.5).exp() + 0.004 + 0.003 * ripple(i, 0.0).abs()
        }),
        curve("Test loss", Marker::Circle, &|i| {
            0.07 * (-time(i) / 2.0).exp() + 0.066 + 0.0016 * time(i) + 0.008 * ripple(i, 0.3)
        }),
    ];
    let accuracy = vec![
        curve("Training accuracy", Marker::Cross, &|i| {
            0.9985 - 0.075 * (-time(i) / 2.2).exp() - 0.001 * ripple(i, 0.1).abs()
        }),
        curve("Test accuracy", Marker::Circle, &|i| {
            0.981 - 0.02 * (-time(i) / 2.5).exp() + 0.0015 * ripple(i, 0.7)
        }),
    ];
    let panels = vec![
        panel("Training and test loss", "Loss", loss),
        panel("Training and test accuracy", "Accuracy", accuracy),
    ];
    Figure { panels }
}

fn panel(title: &str, y_label: &str, series: Vec<Series>) -> Panel {
    Panel { title: title.into(), x_label: "Epochs".into(), along: Along::Epochs, y_label: y_label.into(), series }
}
