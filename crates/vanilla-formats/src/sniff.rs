//! What bytes look like, for the error of a reader that was given another format.

const ONNX: &str = "an ONNX model";

/// The name of the format that the first bytes belong to, with its article, or a few of the bytes.
pub fn describe(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "an empty file".to_owned();
    }
    match name(bytes) {
        Some(name) => name.to_owned(),
        None => {
            let head = bytes.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
            format!("bytes {head}")
        }
    }
}

/// Whether the first bytes belong to a format that is named here.
pub(crate) fn known(bytes: &[u8]) -> bool {
    name(bytes).is_some_and(|name| name != ONNX)
}

/// The name of the format that the first bytes belong to, with its article.
fn name(bytes: &[u8]) -> Option<&'static str> {
    const MAGIC: [(&[u8], &str); 27] = [
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        (b"\xff\xd8\xff", "a JPEG picture"),
        (b"GIF87a", "a GIF picture"),
        (b"GIF89a", "a GIF picture"),
        (b"BM", "a BMP picture"),
        (b"II*\0", "a TIFF picture"),
        (b"MM\0*", "a TIFF picture"),
        (b"%PDF", "a PDF document"),
        (b"\x93NUMPY", "an npy array"),
        (b"PK\x03\x04", "a zip archive"),
        (b"PK\x05\x06", "an empty zip archive"),
        (b"\x1f\x8b", "a gzip file"),
        (b"\x28\xb5\x2f\xfd", "a zstd file"),
        (b"BZh", "a bzip2 file"),
        (b"\xfd7zXZ\0", "an xz file"),
        (b"7z\xbc\xaf", "a 7z archive"),
        (b"\x80\x02", "a Python pickle"),
        (b"\x80\x03", "a Python pickle"),
        (b"\x80\x04", "a Python pickle"),
        (b"\x80\x05", "a Python pickle"),
        (b"\x7fELF", "an ELF program"),
        (b"\0\0\x08\x01", "an IDX file"),
        (b"\0\0\x08\x03", "an IDX file"),
        (b"PAR1", "a Parquet file"),
        (b"ARROW1", "an Arrow file"),
        (b"FEA1", "a Feather file of version 1"),
    ];
    if let Some((_, name)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some(name);
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Some("a WebP picture");
    }
    // ir_version, then the producer's name or its length's byte.
    if let [0x08, 3..=20, 0x12, ..] = bytes {
        return Some(ONNX);
    }
    // Behind where its table begins, which is near. An ONNX file may have a producer's version of this name there.
    if bytes.get(2..8) == Some(b"\0\0TFL3") {
        return Some("a TensorFlow Lite model");
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        return Some("an AVIF, HEIC or MP4 file");
    }
    let text: Vec<u8> = bytes
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(bytes)
        .iter()
        .copied()
        .skip_while(u8::is_ascii_whitespace)
        .take(512)
        .map(|byte| byte.to_ascii_lowercase())
        .collect();
    if text.starts_with(b"version https://git-lfs") {
        return Some("a Git LFS pointer instead of the file");
    }
    if text.starts_with(b"<!doctype html") || text.starts_with(b"<html") {
        return Some("an HTML page");
    }
    if text.starts_with(b"<svg") || (text.starts_with(b"<?xml") && text.windows(4).any(|four| four == b"<svg")) {
        return Some("an SVG picture");
    }
    if text.starts_with(b"<?xml") {
        return Some("an XML document");
    }
    if text.starts_with(b"{") || text.starts_with(b"[") {
        return Some("JSON text");
    }
    None
}
