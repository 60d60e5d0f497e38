//! TensorFlow's event files, which TensorBoard reads: written only.
//!
//! ```text
//! file    = record*                                  the first one holds the version
//! record  = length:u64 check(length) event check(event)          little-endian
//! check   = u32: rotate_right(crc32c(bytes), 15) + a2 82 ea d8 (big-endian), wrapping
//! event   = protobuf Event
//!
//! Event           { 1: wall_time double, 2: step int64, 3: file_version string, 5: summary Summary }
//! Summary         { 1: Value* }
//! Value           { 1: tag string, 8: tensor TensorProto, 9: metadata SummaryMetadata }
//! SummaryMetadata { 1: plugin_data { 1: plugin_name string, 2: content bytes } }
//! TensorProto     { 1: dtype, 2: shape, 4: tensor_content bytes, 8: string_val bytes* }
//! shape           { 2: dim { 1: size int64 }* }
//! ```
//!
//! Source: `tensorflow/core/lib/io/record_writer.cc`, `event.proto`, `summary.proto` and `tensor.proto` of
//! TensorFlow, and the buckets of `tensorboard/plugins/histogram/summary_v2.py`. CRC-32C is that of RFC 3720,
//! Castagnoli's polynomial.

use crate::protobuf::Message;

/// What a summary holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// A number.
    Scalar(f32),
    /// How these numbers are distributed, in [`BUCKETS`] buckets of one width; none of them counts that is not
    /// finite.
    Histogram(&'a [f32]),
    /// The description of a model, as Keras's JSON.
    KerasModel(&'a str),
}

/// Buckets of a histogram, as TensorBoard makes them.
pub const BUCKETS: usize = 30;

const FLOAT: u64 = 1;
const DOUBLE: u64 = 2;
const STRING: u64 = 7;

/// The first record of a file.
pub fn version(wall_time: f64) -> Vec<u8> {
    let mut event = Message::default();
    event.double(1, wall_time);
    event.bytes(3, b"brain.Event:2");
    record(&event.0)
}

/// A record with one value.
pub fn summary(wall_time: f64, step: i64, tag: &str, value: &Value<'_>) -> Vec<u8> {
    let (tensor, plugin, content): (Message, &str, &[u8]) = match value {
        Value::Scalar(x) => (tensor(FLOAT, &[], &x.to_le_bytes()), "scalars", b""),
        Value::Histogram(values) => {
            let content: Vec<u8> = buckets(values).iter().flatten().flat_map(|x| x.to_le_bytes()).collect();
            (tensor(DOUBLE, &[BUCKETS as u64, 3], &content), "histograms", b"")
        }
        Value::KerasModel(text) => {
            let mut message = tensor(STRING, &[], b"");
            message.bytes(8, text.as_bytes());
            (message, "graph_keras_model", b"1")
        }
    };
    let mut data = Message::default();
    data.bytes(1, plugin.as_bytes());
    if !content.is_empty() {
        data.bytes(2, content);
    }
    let mut metadata = Message::default();
    metadata.bytes(1, &data.0);
    let mut value = Message::default();
    value.bytes(1, tag.as_bytes());
    value.bytes(8, &tensor.0);
    value.bytes(9, &metadata.0);
    let mut summary = Message::default();
    summary.bytes(1, &value.0);
    let mut event = Message::default();
    event.double(1, wall_time);
    event.integer(2, step as u64);
    event.bytes(5, &summary.0);
    record(&event.0)
}

fn tensor(dtype: u64, shape: &[u64], content: &[u8]) -> Message {
    let mut dims = Message::default();
    for size in shape {
        let mut dim = Message::default();
        dim.integer(1, *size);
        dims.bytes(2, &dim.0);
    }
    let mut tensor = Message::default();
    tensor.integer(1, dtype);
    tensor.bytes(2, &dims.0);
    if !content.is_empty() {
        tensor.bytes(4, content);
    }
    tensor
}

/// Left edge, right edge and count of each bucket.
fn buckets(values: &[f32]) -> [[f64; 3]; BUCKETS] {
    let finite = || values.iter().filter(|x| x.is_finite()).map(|x| f64::from(*x));
    let (low, high) =
        finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    let mut buckets = [[0.0; 3]; BUCKETS];
    if low > high {
        return buckets;
    }
    if low == high {
        // Without a width, all of them are in the last one.
        buckets.fill([low, high, 0.0]);
        buckets[BUCKETS - 1][2] = finite().count() as f64;
        return buckets;
    }
    let width = (high - low) / BUCKETS as f64;
    let edge = |i: usize| if i == BUCKETS { high } else { low + i as f64 * width };
    for (i, bucket) in buckets.iter_mut().enumerate() {
        *bucket = [edge(i), edge(i + 1), 0.0];
    }
    for x in finite() {
        buckets[(((x - low) / width) as usize).min(BUCKETS - 1)][2] += 1.0;
    }
    buckets
}

fn record(event: &[u8]) -> Vec<u8> {
    let length = (event.len() as u64).to_le_bytes();
    let mut out = Vec::with_capacity(event.len() + 16);
    out.extend(length);
    out.extend(check(&length).to_le_bytes());
    out.extend(event);
    out.extend(check(event).to_le_bytes());
    out
}

fn check(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| (crc >> 8) ^ TABLE[usize::from(crc as u8 ^ byte)])
}

/// The remainders of all bytes.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, B.4.
    #[test]
    fn the_check_of_the_standard() {
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&(0..32).collect::<Vec<u8>>()), 0x46dd_794e);
    }

    /// What TensorFlow 2.21 writes for the same event, byte for byte.
    #[test]
    fn a_scalar() {
        let event = summary(1.5, 3, "loss", &Value::Scalar(0.25));
        let hex: String = event.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, SCALAR);
    }

    const SCALAR: &str = "2e00000000000000c5cb57fa09000000000000f83f10032a210a1f0a046c6f7373420a0801120022\
        040000803e4a0b0a090a077363616c617273a321e826";

    #[test]
    fn histograms() {
        let of = |values: &[f32]| buckets(values);
        assert_eq!(of(&[]), [[0.0; 3]; BUCKETS]);
        let one = of(&[2.0, 2.0]);
        assert_eq!((one[0], one[29]), ([2.0, 2.0, 0.0], [2.0, 2.0, 2.0]));
        let many = of(&[0.0, 0.5, 1.0, 29.999, 30.0, f32::NAN, f32::INFINITY]);
        assert_eq!((many[0], many[1], many[29]), ([0.0, 1.0, 2.0], [1.0, 2.0, 1.0], [29.0, 30.0, 2.0]));
        assert_eq!(many.iter().map(|bucket| bucket[2]).sum::<f64>(), 5.0);
    }
}
