//! All objects of a repository: its packs, its loose objects, and those of the stores it borrows from.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::inflate::Inflater;
use super::loose::{self, Content, Loose};
use super::plan::Pack;
use super::walk;
use super::{Fault, Kind, RawId, Visit, Visitor};
use crate::git::Repository;

/// Stores that borrow from stores that borrow: so many are followed, as git does.
const BORROWED: usize = 5;

/// The longest list of stores to borrow from that is believed.
const LIST_BYTES: u64 = 1 << 20;

/// Everything that is there, known by name and not yet inflated.
#[derive(Debug)]
pub struct Store {
    packs: Vec<Pack>,
    loose: Vec<Loose>,
    unread: Vec<PathBuf>,
    promised: bool,
}

/// How much is read at once.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one object.
    pub object_bytes: u64,
    /// Threads, at least 1.
    pub threads: usize,
}

impl Store {
    /// The objects of `repository`, or `None` where they are named in a way that is not read here.
    pub fn open(repository: &Repository) -> Option<Self> {
        let mut store = Self { packs: Vec::new(), loose: Vec::new(), unread: Vec::new(), promised: false };
        let config = fs::read_to_string(repository.common_dir().join("config")).unwrap_or_default();
        if config.to_ascii_lowercase().contains("objectformat") {
            return None;
        }
        let mut seen = BTreeSet::new();
        let mut folders = vec![(repository.common_dir().join("objects"), 0)];
        while let Some((folder, depth)) = folders.pop() {
            let Ok(folder) = folder.canonicalize() else { continue };
            if depth > BORROWED || !seen.insert(folder.clone()) {
                continue;
            }
            store.add(&folder);
            folders.extend(borrowed(&folder).into_iter().map(|other| (other, depth + 1)));
        }
        store.loose.sort();
        store.loose.dedup_by(|one, other| one.id == other.id);
        Some(store)
    }

    /// Packs that could not be read.
    pub fn unread(&self) -> &[PathBuf] {
        &self.unread
    }

    /// Whether some objects were never fetched, since a remote has them.
    pub const fn is_partial(&self) -> bool {
        self.promised
    }

    /// Whether an object of this name is here.
    pub fn has(&self, id: &RawId) -> bool {
        self.packs.iter().any(|pack| pack.index.find(id).is_some())
            || self.loose.binary_search_by(|loose| loose.id.cmp(id)).is_ok()
    }

    /// How many objects are here; one that is stored twice counts twice.
    pub fn count(&self) -> usize {
        self.packs.iter().map(|pack| pack.nodes.len()).sum::<usize>() + self.loose.len()
    }

    /// Takes visitors to every object of `kind`, or to those of `wanted`, and gives them back.
    ///
    /// An object that is stored twice is visited twice.
    pub fn walk<V: Visitor + Send>(
        &self,
        kind: Kind,
        wanted: Option<&BTreeSet<RawId>>,
        limits: Limits,
        make: impl Fn() -> V,
    ) -> Vec<V> {
        let limit = usize::try_from(limits.object_bytes).unwrap_or(usize::MAX / 2);
        let mut visitors: Vec<V> = (0..limits.threads.max(1)).map(|_| make()).collect();
        for pack in &self.packs {
            let marks = wanted.map(|wanted| marks(pack, kind, wanted));
            if marks.as_ref().is_some_and(|marks| !marks.contains(&true)) {
                continue;
            }
            visitors = walk::walk(pack, kind, marks.as_deref(), limit, visitors);
            if let Some(visitor) = visitors.first_mut() {
                // Without a base that is here nobody knows of what kind they are.
                let lost = pack.nodes.iter().filter(|node| node.kind.is_none()).map(|node| pack.id(node));
                lost.filter(|id| wanted.is_none_or(|wanted| wanted.contains(id)))
                    .for_each(|id| visitor.fault(id, Fault::Delta));
            }
        }
        let mut inflater = Inflater::new();
        let here = self.loose.iter().filter(|loose| wanted.is_none_or(|wanted| wanted.contains(&loose.id)));
        for (loose, turn) in here.zip((0..visitors.len()).cycle()) {
            let Some(visitor) = visitors.get_mut(turn) else { continue };
            match loose::read(loose, limits.object_bytes, &mut inflater) {
                Ok(Content::Bytes(found, bytes)) if found == kind => {
                    visitor.visit(Visit { id: loose.id, bytes: &bytes, basis: None });
                }
                Ok(Content::TooLarge(found)) if found == kind => visitor.fault(loose.id, Fault::Large),
                Ok(_) => {}
                Err(fault) => visitor.fault(loose.id, fault),
            }
        }
        visitors
    }

    fn add(&mut self, objects: &Path) {
        self.loose.extend(loose::list(objects));
        let entries = fs::read_dir(objects.join("pack")).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("promisor") => self.promised = true,
                Some("idx") => match Pack::open(&path.with_extension("pack")) {
                    Ok(pack) => self.packs.push(pack),
                    Err(_) => self.unread.push(path.with_extension("pack")),
                },
                _ => {}
            }
        }
    }
}

/// Which entries of `pack` are wanted. Of what kind they are is known before they are read.
fn marks(pack: &Pack, kind: Kind, wanted: &BTreeSet<RawId>) -> Vec<bool> {
    let mut marks = vec![false; pack.nodes.len()];
    for node in wanted.iter().filter_map(|id| pack.find(id)) {
        let is_kind = pack.nodes.get(node as usize).is_some_and(|node| node.kind == Some(kind));
        if let Some(mark) = marks.get_mut(node as usize).filter(|_| is_kind) {
            *mark = true;
        }
    }
    marks
}

/// The folders of objects that `objects/info/alternates` names, one a line, relative to `objects`.
fn borrowed(objects: &Path) -> Vec<PathBuf> {
    let list = objects.join("info").join("alternates");
    if fs::metadata(&list).map_or(true, |meta| meta.len() > LIST_BYTES) {
        return Vec::new();
    }
    let text = fs::read(&list).unwrap_or_default();
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"#"));
    lines.map(|line| objects.join(crate::git::path_from(line))).collect()
}
