//! Which entry of a pack is made out of which.
//!
//! ```text
//! commit A                     entries in the order of the pack; each delta points at its base
//! blob B <── delta C <── D     kind flows from a base to what is made of it
//!        <── delta E           F's base is not here, G and H are made out of each other: they have no kind
//! ```

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::entry::{Header, Kind, LONGEST, Origin};
use super::index::Index;
use super::{Fault, RawId};

/// An entry without a base.
pub(super) const NONE: u32 = u32::MAX;

/// The digest at the end of a pack.
const TRAILER: u64 = 20;

/// Headers are read in pieces of so many bytes.
const PIECE: usize = 1 << 20;

/// One object of a pack.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    /// Where its compressed bytes begin.
    pub(super) start: u64,
    /// Where the next entry begins.
    pub(super) end: u64,
    /// Bytes once inflated: of the object, or of the delta.
    pub(super) size: u64,
    /// Its place in the index.
    pub(super) place: u32,
    pub(super) base: u32,
    /// `None` where it cannot be known.
    pub(super) kind: Option<Kind>,
}

/// A pack whose entries are known and not yet inflated.
#[derive(Debug)]
pub(super) struct Pack {
    file: File,
    pub(super) index: Index,
    /// In the order of the pack.
    pub(super) nodes: Vec<Node>,
    /// Where the list of each node begins in `children`, and at last where the last one ends.
    lists: Vec<u32>,
    children: Vec<u32>,
}

impl Pack {
    /// Reads the index beside the pack and the header of every entry.
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        let index = std::fs::read(path.with_extension("idx")).map_err(|_| Fault::Short)?;
        let index = Index::parse(index)?;
        let file = File::open(path).map_err(|_| Fault::Short)?;
        let length = file.metadata().map_err(|_| Fault::Short)?.len();
        let mut magic = [0; 8];
        file.read_exact_at(&mut magic, 0).map_err(|_| Fault::Short)?;
        if !matches!(&magic, b"PACK\0\0\0\x02" | b"PACK\0\0\0\x03") {
            return Err(Fault::Format);
        }
        let mut pack = Self { file, index, nodes: Vec::new(), lists: Vec::new(), children: Vec::new() };
        pack.read_headers(length.saturating_sub(TRAILER));
        pack.link();
        Ok(pack)
    }

    /// The compressed bytes of `node`, into `into`, which is emptied first.
    ///
    /// No more than text that cannot be compressed would take: the index may keep silent about what follows.
    pub(super) fn compressed(&self, node: &Node, into: &mut Vec<u8>) -> Result<(), Fault> {
        let most = node.size.saturating_add(node.size / 64).saturating_add(256);
        let length =
            usize::try_from(node.end.saturating_sub(node.start).min(most)).map_err(|_| Fault::Large)?;
        into.clear();
        into.resize(length, 0);
        self.file.read_exact_at(into, node.start).map_err(|_| Fault::Short)
    }

    pub(super) fn id(&self, node: &Node) -> RawId {
        self.index.id(node.place as usize).copied().unwrap_or_default()
    }

    /// The node of the object with this name.
    pub(super) fn find(&self, id: &RawId) -> Option<u32> {
        let place = self.index.find(id)?;
        let offset = self.index.offset(place)?;
        let after = self.nodes.partition_point(|node| node.end <= offset);
        let node = self.nodes.get(after)?;
        (node.place as usize == place).then(|| u32::try_from(after).unwrap_or(NONE))
    }

    /// The entries made out of this one.
    pub(super) fn children(&self, node: u32) -> &[u32] {
        let node = node as usize;
        let ends = (self.lists.get(node), self.lists.get(node + 1));
        let (Some(from), Some(to)) = ends else { return &[] };
        self.children.get(*from as usize..*to as usize).unwrap_or_default()
    }

    fn read_headers(&mut self, end: u64) {
        let count = u32::try_from(self.index.len()).unwrap_or(NONE);
        let mut order: Vec<(u64, u32)> =
            (0..count).map(|place| (self.index.offset(place as usize).unwrap_or(u64::MAX), place)).collect();
        order.sort_unstable();
        let offsets: Vec<u64> = order.iter().map(|(offset, _)| *offset).collect();
        let at = |offset: u64| offsets.binary_search(&offset).ok().and_then(|at| u32::try_from(at).ok());
        let mut piece = Piece { start: 0, bytes: Vec::new() };
        let behind = offsets.iter().skip(1).copied().chain([end]);
        let mut nodes = Vec::with_capacity(order.len());
        for ((offset, place), next) in order.iter().zip(behind) {
            let header = piece.at(&self.file, *offset).and_then(Header::parse);
            let (base, kind) = match header.map(|header| header.origin) {
                Some(Origin::Whole(kind)) => (NONE, Some(kind)),
                Some(Origin::Back(back)) => (offset.checked_sub(back).and_then(at).unwrap_or(NONE), None),
                Some(Origin::Named(id)) => (
                    self.index
                        .find(&id)
                        .and_then(|place| self.index.offset(place))
                        .and_then(at)
                        .unwrap_or(NONE),
                    None,
                ),
                None => (NONE, None),
            };
            let (length, size) = header.map_or((0, u64::MAX), |header| (header.length as u64, header.size));
            let start = offset.saturating_add(length);
            nodes.push(Node { start, end: next.min(end).max(start), size, place: *place, base, kind });
        }
        self.nodes = nodes;
    }

    /// Lists what is made out of each entry, and lets kinds flow there.
    fn link(&mut self) {
        let mut lists = vec![0_u32; self.nodes.len() + 1];
        for node in &self.nodes {
            if let Some(count) = lists.get_mut(node.base as usize) {
                *count += 1;
            }
        }
        let mut total = 0;
        for list in &mut lists {
            (*list, total) = (total, total + *list);
        }
        let mut next = lists.clone();
        let mut children = vec![0_u32; total as usize];
        for (at, node) in (0_u32..).zip(&self.nodes) {
            let Some(place) = next.get_mut(node.base as usize) else { continue };
            if let Some(child) = children.get_mut(*place as usize) {
                *child = at;
            }
            *place += 1;
        }
        (self.lists, self.children) = (lists, children);
        let mut known: Vec<(u32, Kind)> =
            (0..).zip(&self.nodes).filter_map(|(at, node)| Some((at, node.kind?))).collect();
        while let Some((at, kind)) = known.pop() {
            if let Some(node) = self.nodes.get_mut(at as usize) {
                node.kind = Some(kind);
            }
            known.extend(self.children(at).iter().map(|child| (*child, kind)));
        }
    }
}

/// A part of the file that was read ahead.
struct Piece {
    start: u64,
    bytes: Vec<u8>,
}

impl Piece {
    /// The bytes from `offset` on: a header's worth, or what is left of the file.
    fn at(&mut self, file: &File, offset: u64) -> Option<&[u8]> {
        let inside = offset.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        if inside.is_none_or(|at| at + LONGEST > self.bytes.len()) {
            self.bytes.resize(PIECE, 0);
            let mut filled = 0;
            while let Some(rest) = self.bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
                match file.read_at(rest, offset.checked_add(filled as u64)?) {
                    Ok(0) | Err(_) => break,
                    Ok(read) => filled += read,
                }
            }
            self.bytes.truncate(filled);
            self.start = offset;
        }
        let at = usize::try_from(offset - self.start).ok()?;
        self.bytes.get(at..)
    }
}
