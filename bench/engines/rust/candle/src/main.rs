//! candle: matrix products by `gemm` with AVX-512. Its AdamW without decay is Adam.
//!
//! candle has no fused steps and no RMSprop, and its SGD knows no momentum: those cells are refused by name.

use candle_core::{DType, Device, Module, Tensor, Var};
use candle_nn::{AdamW, Linear, Optimizer, ParamsAdamW, loss};
use common::{Definition, Result, Shuffle, serve};

fn main() -> Result<()> {
    let wanted = Definition::from_arguments()?;
    if wanted.optimizer != "adam" {
        return Err(format!("candle has no {} with momentum or mean squares", wanted.optimizer).into());
    }
    let curve: fn(&Tensor) -> candle_core::Result<Tensor> = match wanted.activation.as_str() {
        "relu" => Tensor::relu,
        "tanh" => Tensor::tanh,
        "gelu" => Tensor::gelu_erf,
        other => return Err(format!("unknown activation {other}").into()),
    };
    let device = Device::Cpu;
    let (x, y) = wanted.data()?;
    let x = Tensor::from_vec(x, (wanted.rows, wanted.layers[0]), &device)?;
    let y = Tensor::from_vec(y, wanted.rows, &device)?;

    let (mut layers, mut vars) = (Vec::new(), Vec::new());
    for size in wanted.layers.windows(2) {
        // Glorot's uniform weights and zero biases, as Keras starts.
        let limit = (6.0 / (size[0] + size[1]) as f32).sqrt();
        let weight = Var::rand(-limit, limit, (size[1], size[0]), &device)?;
        let bias = Var::zeros(size[1], DType::F32, &device)?;
        layers.push(Linear::new(weight.as_tensor().clone(), Some(bias.as_tensor().clone())));
        vars.extend([weight, bias]);
    }
    let params = ParamsAdamW { lr: wanted.learning_rate, eps: 1e-7, weight_decay: 0.0, ..Default::default() };
    let mut optimizer = AdamW::new(vars, params)?;

    let mut shuffle = Shuffle::new();
    serve(&wanted, "0.11.1", "", || {
        let mut total = 0.0;
        for rows in shuffle.order(wanted.rows).chunks(wanted.batch) {
            let index = Tensor::new(rows, &device)?;
            let mut values = x.index_select(&index, 0)?;
            for (i, layer) in layers.iter().enumerate() {
                values = layer.forward(&values)?;
                if i + 1 < layers.len() {
                    values = curve(&values)?;
                }
            }
            let loss = loss::cross_entropy(&values, &y.index_select(&index, 0)?)?;
            optimizer.backward_step(&loss)?;
            total += f64::from(loss.to_scalar::<f32>()?) * rows.len() as f64;
        }
        Ok(total / wanted.rows as f64)
    })
}
