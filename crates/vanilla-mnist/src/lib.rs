//! The MNIST data set itself, compressed inside the crate: no download, no path, no failure.
//!
//! 60,000 training and 10,000 test images of handwritten digits, 28 x 28 pixels, 0 = paper to 255 = ink.
//! Source, licence (CC BY-SA 3.0) and the way the parts were made: `data/README.md` and `data/make.py`.
//!
//! ```
//! let mnist = vanilla_mnist::load();
//! assert_eq!(mnist.train_images.len(), 60_000 * 28 * 28);
//! assert_eq!(mnist.train_labels[..5], [5, 0, 4, 1, 9]);
//! ```
//!
//! **Layout of a part** (one zstd frame): a label for each image, then one bit for each pixel (1 = not zero, lowest
//! bit first), then the pixels that are not zero. Against plain pixels at the same zstd level this is 5 % smaller and
//! unpacks in half the time, because four fifths of the pixels never pass through the decoder.

use ruzstd::decoding::FrameDecoder;

/// Rows of pixels in an image.
pub const ROWS: usize = 28;
/// Columns of pixels in an image.
pub const COLUMNS: usize = 28;
/// Number of training images.
pub const TRAIN: usize = 60_000;
/// Number of test images.
pub const TEST: usize = 10_000;

/// Name of each original IDX file and the SHA-256 of its uncompressed bytes, header included.
pub const SHA256: [(&str, &str); 4] = [
    ("train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    ("train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    ("t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    ("t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
];

const PIXELS: usize = ROWS * COLUMNS;
const MASK_BYTES: usize = PIXELS / 8;

/// The training images, in order, in equal shares. Four parts keep two to four cores busy and cost 1 % in size.
const TRAIN_PARTS: [&[u8]; 4] = [
    include_bytes!("../data/train-0.zst"),
    include_bytes!("../data/train-1.zst"),
    include_bytes!("../data/train-2.zst"),
    include_bytes!("../data/train-3.zst"),
];
const TEST_PART: &[u8] = include_bytes!("../data/test.zst");

/// The whole data set as raw bytes: pixels row by row, image after image; labels 0 to 9.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mnist {
    /// [`TRAIN`] x [`ROWS`] x [`COLUMNS`] pixels.
    pub train_images: Vec<u8>,
    /// [`TRAIN`] digits.
    pub train_labels: Vec<u8>,
    /// [`TEST`] x [`ROWS`] x [`COLUMNS`] pixels.
    pub test_images: Vec<u8>,
    /// [`TEST`] digits.
    pub test_labels: Vec<u8>,
}

/// Unpacks the data set, one thread for each of its five parts.
///
/// Nothing can fail: the parts are constants of the program, and the tests compare them with [`SHA256`].
pub fn load() -> Mnist {
    let mut mnist = Mnist {
        train_images: vec![0; TRAIN * PIXELS],
        train_labels: vec![0; TRAIN],
        test_images: vec![0; TEST * PIXELS],
        test_labels: vec![0; TEST],
    };
    let share = TRAIN / TRAIN_PARTS.len();
    let images = mnist.train_images.chunks_exact_mut(share * PIXELS);
    let labels = mnist.train_labels.chunks_exact_mut(share);
    std::thread::scope(|scope| {
        for ((part, images), labels) in TRAIN_PARTS.into_iter().zip(images).zip(labels) {
            scope.spawn(|| unpack(part, images, labels));
        }
        unpack(TEST_PART, &mut mnist.test_images, &mut mnist.test_labels);
    });
    mnist
}

/// Unpacks a part into `images` (`labels.len()` x 784, all zero so far) and `labels`.
fn unpack(part: &[u8], images: &mut [u8], labels: &mut [u8]) {
    let rows = labels.len();
    // Room for the case that no pixel is zero; memory that is not written is never touched.
    let mut plain = vec![0; rows * (1 + MASK_BYTES + PIXELS)];
    let size =
        FrameDecoder::new().decode_all(part, &mut plain).expect("a constant of the program, checked by the tests");
    let (packed_labels, rest) = plain[..size].split_at(rows);
    let (masks, ink) = rest.split_at(rows * MASK_BYTES);

    labels.copy_from_slice(packed_labels);
    let mut ink = ink.iter();
    for (pixels, &mask) in images.chunks_exact_mut(8).zip(masks) {
        let mut mask = mask;
        while mask != 0 {
            pixels[mask.trailing_zeros() as usize] =
                *ink.next().expect("one byte of ink for each bit of the masks");
            mask &= mask - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    /// SHA-256 of an IDX file of bytes with these dimensions, in hexadecimal.
    fn sha256_of_idx(dimensions: &[usize], bytes: &[u8]) -> String {
        let mut hash = Sha256::new();
        hash.update([0, 0, 8, dimensions.len() as u8]);
        for &dimension in dimensions {
            hash.update((dimension as u32).to_be_bytes());
        }
        hash.update(bytes);
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn unpacks_to_the_original_files() {
        let mnist = load();
        let found = [
            sha256_of_idx(&[TRAIN, ROWS, COLUMNS], &mnist.train_images),
            sha256_of_idx(&[TRAIN], &mnist.train_labels),
            sha256_of_idx(&[TEST, ROWS, COLUMNS], &mnist.test_images),
            sha256_of_idx(&[TEST], &mnist.test_labels),
        ];
        for ((name, expected), found) in SHA256.into_iter().zip(found) {
            assert_eq!(found, expected, "{name}");
        }
        assert_eq!(mnist.train_labels[..5], [5, 0, 4, 1, 9]);
        assert_eq!(mnist.test_labels[..5], [7, 2, 1, 0, 4]);
    }

    /// A package registry takes crates of up to 10 MB.
    #[test]
    fn small_enough_to_publish() {
        let bytes: usize = TRAIN_PARTS.iter().map(|part| part.len()).sum::<usize>() + TEST_PART.len();
        assert!(bytes < 10_000_000, "{bytes} bytes");
    }
}
