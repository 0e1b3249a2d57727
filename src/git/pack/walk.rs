//! Down the trees of deltas, on several threads: each entry is inflated once and applied to its base while that is at hand.
//!
//! ```text
//! root ── a ── b        root, a, b, c, d: depth first, so that what is held is one path
//!          └── c        the last child takes its base's place, so that a chain holds one object
//!      └── d
//! ```

use std::sync::atomic::{AtomicUsize, Ordering};

use super::delta::{self, Run};
use super::entry::Kind;
use super::inflate::Inflater;
use super::plan::{NONE, Node, Pack};
use super::{Fault, RawId};

/// So many bytes of objects are held by all threads together; what would need more is left to git.
const HELD: usize = 192 << 20;

/// One object on the way.
#[derive(Debug)]
pub struct Visit<'a, T> {
    /// Its name.
    pub id: RawId,
    /// All of it.
    pub bytes: &'a [u8],
    /// What it was made out of, where that was visited too.
    pub basis: Option<Basis<'a, T>>,
}

/// What an object was made out of.
#[derive(Debug)]
pub struct Basis<'a, T> {
    /// What the visitor thought of the base.
    pub thought: &'a T,
    /// Bytes of the base.
    pub length: usize,
    /// What was copied from it, in the order of the new places. The rest is new.
    pub runs: &'a [Run],
}

/// Whoever looks at objects; one for each thread.
pub trait Visitor {
    /// What it wants to know about the base of an object.
    type Thought;

    /// Looks at one object; never the same entry twice.
    fn visit(&mut self, object: Visit<'_, Self::Thought>) -> Self::Thought;

    /// Is told of an object that could not be read.
    fn fault(&mut self, id: RawId, fault: Fault);
}

/// Takes visitors, one on each thread, to every object of `kind`, or to the `wanted` ones of them.
pub(super) fn walk<V: Visitor + Send>(
    pack: &Pack,
    kind: Kind,
    wanted: Option<&[bool]>,
    limit: usize,
    visitors: Vec<V>,
) -> Vec<V> {
    let needed = wanted.map(|wanted| with_bases(pack, wanted));
    let is_needed = |at: u32| needed.as_ref().is_none_or(|all| all.get(at as usize) == Some(&true));
    let roots: Vec<u32> = heaviest_first(pack, kind).into_iter().filter(|root| is_needed(*root)).collect();
    let next = AtomicUsize::new(0);
    let room = HELD / visitors.len().max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = visitors
            .into_iter()
            .map(|visitor| {
                let (roots, next, is_needed) = (&roots, &next, &is_needed);
                scope.spawn(move || {
                    let mut walker = Walker::new(pack, wanted, is_needed, limit, room, visitor);
                    while let Some(root) = roots.get(next.fetch_add(1, Ordering::Relaxed)) {
                        walker.down_from(*root);
                    }
                    walker.visitor
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// `wanted` and all that they are made out of.
fn with_bases(pack: &Pack, wanted: &[bool]) -> Vec<bool> {
    let mut needed = wanted.to_vec();
    for start in 0..needed.len() {
        let mut at = start;
        while needed.get(at) == Some(&true) {
            let Some(node) = pack.nodes.get(at) else { break };
            at = node.base as usize;
            match needed.get_mut(at) {
                Some(base) if !*base => *base = true,
                // A whole object has no base, and from one that is marked somebody goes on, in a ring too.
                _ => break,
            }
        }
    }
    needed
}

/// The roots of a kind: those with much below them first, so that no thread ends with one; else in pack order.
fn heaviest_first(pack: &Pack, kind: Kind) -> Vec<u32> {
    let mut weights: Vec<u64> = vec![0; pack.nodes.len()];
    let mut total = 0_u64;
    // A base by distance stands before what is made of it, so one pass back adds everything up; one by name may not,
    // and then only the order suffers.
    for (at, node) in pack.nodes.iter().enumerate().rev() {
        let weight = weights.get(at).copied().unwrap_or_default().saturating_add(node.end - node.start);
        if node.kind == Some(kind) && node.base == NONE {
            total = total.saturating_add(weight);
        }
        match weights.get_mut(node.base as usize) {
            Some(base) => *base = base.saturating_add(weight),
            None => {
                if let Some(own) = weights.get_mut(at) {
                    *own = weight;
                }
            }
        }
    }
    let is_root = |node: &Node| node.kind == Some(kind) && node.base == NONE;
    let mut roots: Vec<u32> =
        (0..).zip(&pack.nodes).filter(|(_, node)| is_root(node)).map(|(at, _)| at).collect();
    let heavy = (total / 256).max(1);
    roots.sort_by_key(|root| {
        let weight = weights.get(*root as usize).copied().unwrap_or_default();
        std::cmp::Reverse(if weight >= heavy { weight } else { 0 })
    });
    roots
}

/// An object whose children are not all made yet.
struct Frame<T> {
    node: u32,
    bytes: Vec<u8>,
    thought: Option<T>,
    /// How many children are done.
    done: usize,
}

struct Walker<'a, V: Visitor, N> {
    pack: &'a Pack,
    wanted: Option<&'a [bool]>,
    is_needed: &'a N,
    limit: usize,
    /// How many bytes may be held.
    room: usize,
    visitor: V,
    inflater: Inflater,
    compressed: Vec<u8>,
    delta: Vec<u8>,
    runs: Vec<Run>,
    stack: Vec<Frame<V::Thought>>,
    held: usize,
    /// Memory to use again.
    spare: Vec<Vec<u8>>,
}

impl<'a, V: Visitor, N: Fn(u32) -> bool> Walker<'a, V, N> {
    fn new(
        pack: &'a Pack,
        wanted: Option<&'a [bool]>,
        is_needed: &'a N,
        limit: usize,
        room: usize,
        visitor: V,
    ) -> Self {
        Self {
            pack,
            wanted,
            is_needed,
            limit,
            room,
            visitor,
            inflater: Inflater::new(),
            compressed: Vec::new(),
            delta: Vec::new(),
            runs: Vec::new(),
            stack: Vec::new(),
            held: 0,
            spare: Vec::new(),
        }
    }

    fn down_from(&mut self, root: u32) {
        let mut bytes = self.spare.pop().unwrap_or_default();
        match self.inflate(root, &mut bytes) {
            Ok(()) => self.enter(root, bytes, None),
            Err(fault) => self.give_up(root, fault),
        }
        while let Some(mut frame) = self.stack.pop() {
            let children = self.pack.children(frame.node);
            let mut rest =
                children.iter().enumerate().skip(frame.done).filter(|(_, child)| (self.is_needed)(**child));
            let Some((at, child)) = rest.next() else {
                self.release(frame.bytes);
                continue;
            };
            let is_last = rest.next().is_none();
            frame.done = at + 1;
            let mut bytes = self.spare.pop().unwrap_or_default();
            let made = self.make(*child, &frame.bytes, &mut bytes);
            let basis = frame.thought.take();
            let length = frame.bytes.len();
            if is_last {
                self.release(frame.bytes);
                self.arrive(*child, bytes, made, basis.as_ref(), length);
            } else {
                let place = self.stack.len();
                self.stack.push(frame);
                self.arrive(*child, bytes, made, basis.as_ref(), length);
                if let Some(frame) = self.stack.get_mut(place) {
                    frame.thought = basis;
                }
            }
        }
    }

    fn arrive(
        &mut self,
        child: u32,
        bytes: Vec<u8>,
        made: Result<(), Fault>,
        basis: Option<&V::Thought>,
        length: usize,
    ) {
        match made {
            Ok(()) => self.enter(child, bytes, basis.map(|thought| (thought, length))),
            Err(fault) => self.give_up(child, fault),
        }
    }

    /// The bytes of a whole object, or of a delta.
    fn inflate(&mut self, at: u32, into: &mut Vec<u8>) -> Result<(), Fault> {
        let node = self.pack.nodes.get(at as usize).ok_or(Fault::Format)?;
        let size = usize::try_from(node.size).ok().filter(|size| *size <= self.limit).ok_or(Fault::Large)?;
        self.pack.compressed(node, &mut self.compressed)?;
        self.inflater.exactly(&self.compressed, size, into)
    }

    fn make(&mut self, at: u32, base: &[u8], into: &mut Vec<u8>) -> Result<(), Fault> {
        if self.held > self.room {
            return Err(Fault::Large);
        }
        let mut delta = std::mem::take(&mut self.delta);
        let made = self.inflate(at, &mut delta);
        let made = made.and_then(|()| delta::apply(base, &delta, self.limit, into, &mut self.runs));
        self.delta = delta;
        made
    }

    fn enter(&mut self, at: u32, bytes: Vec<u8>, basis: Option<(&V::Thought, usize)>) {
        let is_wanted = self.wanted.is_none_or(|wanted| wanted.get(at as usize) == Some(&true));
        let thought = is_wanted.then(|| {
            let id = self.pack.nodes.get(at as usize).map(|node| self.pack.id(node)).unwrap_or_default();
            let basis = basis.map(|(thought, length)| Basis { thought, length, runs: &self.runs });
            self.visitor.visit(Visit { id, bytes: &bytes, basis })
        });
        self.held += bytes.capacity();
        self.stack.push(Frame { node: at, bytes, thought, done: 0 });
    }

    /// Tells of everything wanted from `at` downward that it could not be read.
    fn give_up(&mut self, at: u32, fault: Fault) {
        let mut lost = vec![at];
        while let Some(at) = lost.pop() {
            let Some(node) = self.pack.nodes.get(at as usize) else { continue };
            if self.wanted.is_none_or(|wanted| wanted.get(at as usize) == Some(&true)) {
                self.visitor.fault(self.pack.id(node), fault);
            }
            lost.extend(self.pack.children(at).iter().filter(|child| (self.is_needed)(**child)));
        }
    }

    fn release(&mut self, bytes: Vec<u8>) {
        self.held = self.held.saturating_sub(bytes.capacity());
        if self.spare.len() < 4 && bytes.capacity() <= 4 << 20 {
            self.spare.push(bytes);
        }
    }
}
