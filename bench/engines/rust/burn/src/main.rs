//! burn on its backend flex: pure Rust, matrix products by `gemm` with AVX-512.

use burn::module::Module;
use burn::nn::loss::{CrossEntropyLoss, CrossEntropyLossConfig};
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer, RmsPropConfig, SgdConfig};
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use common::{Definition, Result, Shuffle, serve};

/// A chain of layers with one curve between them.
#[derive(Module, Debug)]
struct Network {
    layers: Vec<Linear>,
}

impl Network {
    fn new(sizes: &[usize], device: &Device) -> Self {
        let layers = sizes.windows(2).map(|size| {
            let glorot = Initializer::XavierUniform { gain: 1.0 };
            LinearConfig::new(size[0], size[1]).with_initializer(glorot).init(device)
        });
        Self { layers: layers.collect() }
    }

    fn forward(&self, mut x: Tensor<2>, curve: fn(Tensor<2>) -> Tensor<2>) -> Tensor<2> {
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x);
            if i + 1 < self.layers.len() {
                x = curve(x);
            }
        }
        x
    }
}

fn optimizer(name: &str) -> Result<ModuleOptimizer> {
    Ok(match name {
        "adam" => AdamConfig::new().with_epsilon(1e-7).init(),
        "sgd" => {
            let momentum = MomentumConfig { momentum: 0.9, dampening: 0.0, nesterov: false };
            SgdConfig::new().with_momentum(Some(momentum)).init()
        }
        "rmsprop" => RmsPropConfig::new().with_alpha(0.9).with_momentum(0.0).with_epsilon(1e-7).init(),
        other => return Err(format!("unknown optimizer {other}").into()),
    })
}

fn main() -> Result<()> {
    let wanted = Definition::from_arguments()?;
    let curve: fn(Tensor<2>) -> Tensor<2> = match wanted.activation.as_str() {
        "relu" => activation::relu,
        "tanh" => activation::tanh,
        "gelu" => activation::gelu,
        other => return Err(format!("unknown activation {other}").into()),
    };
    let device = Device::flex();
    let train = device.clone().autodiff();
    let (x, y) = wanted.data()?;
    let x = Tensor::<2>::from_data(TensorData::new(x, [wanted.rows, wanted.layers[0]]), &train);
    let y: Vec<i64> = y.into_iter().map(i64::from).collect();
    let y = Tensor::<1, Int>::from_data(TensorData::new(y, [wanted.rows]), &train);

    // The optimizer takes the network and gives it back, so that it can update in place.
    let mut kept = Some(Network::new(&wanted.layers, &train));
    let mut optimizer = optimizer(&wanted.optimizer)?;
    let loss: CrossEntropyLoss = CrossEntropyLossConfig::new().init(&train);
    let mut shuffle = Shuffle::new();
    serve(&wanted, "0.22.1", "", || {
        let mut total = 0.0;
        let mut network = kept.take().ok_or("the last epoch failed")?;
        for rows in shuffle.order(wanted.rows).chunks(wanted.batch) {
            let index: Vec<i64> = rows.iter().map(|&row| i64::from(row)).collect();
            let index = Tensor::<1, Int>::from_data(TensorData::new(index, [rows.len()]), &train);
            let logits = network.forward(x.clone().select(0, index.clone()), curve);
            let loss = loss.forward(logits, y.clone().select(0, index));
            total += f64::from(loss.clone().into_scalar::<f32>()) * rows.len() as f64;
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            network = optimizer.step(wanted.learning_rate, network, gradients);
        }
        kept = Some(network);
        Ok(total / wanted.rows as f64)
    })
}
