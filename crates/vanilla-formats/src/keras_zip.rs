//! `.keras`, the archive of a whole Keras 3 model.
//!
//! ```text
//! keras = zip(metadata.json? config.json model.weights.h5 assets/…*)     in any order; `archive.rs` has the archive's grammar
//! ```
//!
//! `config.json` describes the layers, `model.weights.h5` holds their weights (see `hdf5`), `metadata.json` the
//! version of Keras and the date. Members below `assets/` are texts: the vocabularies of lookups, a token a line. Source:
//! `keras.src.saving.saving_lib` of Keras 3. Keras stores the members; deflated ones are read too, as long as text shrank
//! to a hundredth and weights to a thirty-second at most: beyond that a small file could fill the memory. Weights in npz,
//! which Keras writes as pickles, or in shards are refused, and assets that are no text.

use crate::FormatError;
use crate::archive::{Archive, Kind, Member, Writer};
use crate::error::{Errors, Result, show, show_names};
use std::borrow::Cow;

const ERRORS: Errors = Errors(".keras");
const KIND: Kind = Kind { errors: ERRORS, expected: "a .keras archive", max_members: 64 };
const METADATA: &str = "metadata.json";
const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.weights.h5";
const MAX_METADATA: u64 = 1 << 20;
const MAX_CONFIG: u64 = 64 << 20;
/// What a deflated member may hold whatever its packed size, and for each packed byte besides.
const SMALL: u64 = 256 << 10;
const MAX_TEXT_EXPANSION: u64 = 100;
const MAX_WEIGHTS_EXPANSION: u64 = 32;
const ASSETS: &str = "assets/";
/// Bytes of all assets together.
const MAX_ASSETS: u64 = 64 << 20;

/// The members of a `.keras` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KerasArchive<'a> {
    /// The text of `metadata.json`, if it is there.
    pub metadata: Option<String>,
    /// The text of `config.json`.
    pub config: String,
    /// The bytes of `model.weights.h5`.
    pub weights: Cow<'a, [u8]>,
    /// Names, with `assets/` in front, and texts of the assets.
    pub assets: Vec<(String, String)>,
}

/// Reads the archive. Neither JSON nor HDF5 is looked into.
pub fn read(bytes: &[u8]) -> Result<KerasArchive<'_>> {
    let archive = Archive::open(bytes, KIND).map_err(explain)?;
    if let Some(other) = archive.members.iter().find(|member| !is_known(member)) {
        return Err(refuse(&other.name));
    }
    let find = |name: &str| archive.members.iter().find(|member| member.name == name);
    let need = |name: &str| {
        find(name).ok_or_else(|| FormatError::Missing {
            format: ".keras",
            wanted: format!("member {}", show(name)),
            present: format!("it holds {}", show_names(archive.members.iter().map(|member| member.name.as_str()))),
            hint: "save the model again with model.save(\"name.keras\") of Keras 3",
        })
    };
    // Nothing depends on it: what is no UTF-8 or no JSON is for the caller to warn about.
    let metadata = find(METADATA).map(|member| content(&archive, member, MAX_METADATA)).transpose()?;
    let metadata = metadata.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let config = text(&archive, need(CONFIG)?, MAX_CONFIG)?;
    let weights = need(WEIGHTS)?;
    check_size(WEIGHTS, weights.size, SMALL + MAX_WEIGHTS_EXPANSION * weights.packed)?;
    let weights = archive.read(weights)?;
    let mut assets = Vec::new();
    let mut left = MAX_ASSETS;
    for member in archive.members.iter().filter(|member| is_asset(member)) {
        let content = text(&archive, member, left)?;
        left -= content.len() as u64;
        assets.push((member.name.clone(), content));
    }
    Ok(KerasArchive { metadata, config, weights, assets })
}

/// Writes the archive as Keras does: the members stored, in Keras's order, dated 1980-01-01, so that the same
/// input gives the same bytes.
pub fn write(keras: &KerasArchive<'_>) -> Result<Vec<u8>> {
    let mut writer = Writer::new(ERRORS);
    if let Some(metadata) = &keras.metadata {
        check_size(METADATA, metadata.len() as u64, MAX_METADATA)?;
        writer.store(METADATA, metadata.as_bytes())?;
    }
    check_size(CONFIG, keras.config.len() as u64, MAX_CONFIG)?;
    writer.store(CONFIG, keras.config.as_bytes())?;
    writer.store(WEIGHTS, &keras.weights)?;
    for (name, content) in &keras.assets {
        if !name.starts_with(ASSETS) {
            return Err(ERRORS.malformed(format!("member {}", show(name)), "a name below assets/", "another"));
        }
        writer.store(name, content.as_bytes())?;
    }
    Ok(writer.finish())
}

fn is_known(member: &Member<'_>) -> bool {
    matches!(member.name.as_str(), METADATA | CONFIG | WEIGHTS)
        || is_asset(member)
        || member.name.starts_with(ASSETS) && member.size == 0
}

/// Whether it is a text beside the model; a folder is none.
fn is_asset(member: &Member<'_>) -> bool {
    member.name.starts_with(ASSETS) && member.name.ends_with(".txt")
}

/// The error for a member that is none of the three.
fn refuse(name: &str) -> FormatError {
    let place = format!("member {}", show(name));
    if name.starts_with("assets/") {
        return ERRORS.unsupported(place, "an asset that is no text");
    }
    if name == "model.weights.npz" {
        return ERRORS
            .unsupported(place, "weights in npz, which Keras writes as pickles")
            .with_hint("a pickle is a program and is never opened: save the model again where h5py is installed");
    }
    if name.starts_with("model") && (name.ends_with(".npz") || name.ends_with(".h5") || name.ends_with(".json")) {
        return ERRORS
            .unsupported(place, "weights outside model.weights.h5")
            .with_hint("save the model again with model.save(\"name.keras\"), without max_shard_size");
    }
    ERRORS.malformed(place, "metadata.json, config.json and model.weights.h5", "another member")
}

/// Adds the way out for formats that are often named `.keras` or mistaken for it.
fn explain(error: FormatError) -> FormatError {
    let hint = match &error {
        FormatError::NotThisFormat { found, .. } if found.contains("HDF5") => {
            "this is a .h5 file under another name: rename it"
        }
        FormatError::NotThisFormat { found, .. } if found.contains("pickle") => {
            "a pickle is a program and is never opened: save the model with model.save(\"name.keras\")"
        }
        FormatError::NotThisFormat { found, .. } if found.contains("HTML") => {
            "the download gave a web page instead of the file"
        }
        _ => return error,
    };
    error.with_hint(hint)
}

fn text(archive: &Archive<'_>, member: &Member<'_>, limit: u64) -> Result<String> {
    String::from_utf8(content(archive, member, limit)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        ERRORS.malformed(format!("member {} at byte {at}", show(&member.name)), "UTF-8 text", "other bytes")
    })
}

fn content(archive: &Archive<'_>, member: &Member<'_>, limit: u64) -> Result<Vec<u8>> {
    check_size(&member.name, member.size, limit.min(SMALL + MAX_TEXT_EXPANSION * member.packed))?;
    Ok(archive.read(member)?.into_owned())
}

fn check_size(name: &str, size: u64, limit: u64) -> Result<()> {
    if size <= limit {
        return Ok(());
    }
    Err(ERRORS.limit(format!("member {}", show(name)), limit, format!("{size} bytes")))
}
