//! Arrays as nested lists in JSON.

use serde_json::Value;
use vanilla::Tensor;

/// A table of numbers or texts as a tensor.
pub fn tensor(value: &Value) -> Tensor {
    fn flat<'a>(value: &'a Value, found: &mut Vec<&'a Value>, shape: &mut Vec<usize>, depth: usize) {
        let Value::Array(items) = value else { return found.push(value) };
        if shape.len() == depth {
            shape.push(items.len());
        }
        items.iter().for_each(|item| flat(item, found, shape, depth + 1));
    }
    let (mut found, mut shape) = (Vec::new(), Vec::new());
    flat(value, &mut found, &mut shape, 0);
    if found[0].is_string() {
        let texts: Vec<String> = found.iter().map(|text| text.as_str().unwrap().to_owned()).collect();
        return Tensor::new(texts, shape).unwrap();
    }
    if found.iter().all(|number| number.is_i64()) {
        return Tensor::new(found.iter().map(|number| number.as_i64().unwrap()).collect::<Vec<_>>(), shape)
            .unwrap();
    }
    Tensor::new(found.iter().map(|number| number.as_f64().unwrap() as f32).collect::<Vec<_>>(), shape).unwrap()
}

/// One tensor for each item.
pub fn tensors(value: &Value) -> Vec<Tensor> {
    value.as_array().unwrap().iter().map(tensor).collect()
}
