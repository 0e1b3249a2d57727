//! Objects in files of their own: `objects/ab/cdef…`, each one zlib stream of `<kind> <size>`, a zero byte, the content.

use std::fs;
use std::path::{Path, PathBuf};

use super::inflate::Inflater;
use super::{Fault, Kind, RawId};
use crate::text::hash;

/// Where a loose object is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Loose {
    pub(super) id: RawId,
    pub(super) path: PathBuf,
}

/// What a loose object holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    Bytes(Kind, Vec<u8>),
    TooLarge(Kind),
}

/// The loose objects of one folder of objects, sorted by name.
pub(super) fn list(objects: &Path) -> Vec<Loose> {
    let mut found: Vec<Loose> = (0..=255_u8)
        .map(|first| (first, objects.join(hash::hex(&[first]))))
        .filter_map(|(first, folder)| Some((first, fs::read_dir(folder).ok()?)))
        .flat_map(|(first, entries)| entries.flatten().filter_map(move |entry| loose(first, &entry.path())))
        .collect();
    found.sort();
    found
}

fn loose(first: u8, path: &Path) -> Option<Loose> {
    let rest: [u8; 19] = hash::unhex(path.file_name()?.to_str()?)?.try_into().ok()?;
    let mut id = [first; 20];
    id.get_mut(1..)?.copy_from_slice(&rest);
    Some(Loose { id, path: path.to_owned() })
}

/// Reads one; a content of more than `limit` bytes is left where it is.
pub(super) fn read(loose: &Loose, limit: u64, inflater: &mut Inflater) -> Result<Content, Fault> {
    let length = fs::metadata(&loose.path).map_err(|_| Fault::Short)?.len();
    let compressed = if length <= limit.saturating_add(limit / 64).saturating_add(256) {
        fs::read(&loose.path).map_err(|_| Fault::Short)?
    } else {
        return Err(Fault::Large);
    };
    let mut bytes = Vec::new();
    let (word, size) = inflater.headed(&compressed, limit, &mut bytes)?;
    let kind = match word.as_slice() {
        b"commit" => Kind::Commit,
        b"tree" => Kind::Tree,
        b"blob" => Kind::Blob,
        b"tag" => Kind::Tag,
        _ => return Err(Fault::Format),
    };
    Ok(if size > limit { Content::TooLarge(kind) } else { Content::Bytes(kind, bytes) })
}
