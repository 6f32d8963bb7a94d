//! The Merkle tree of RFC 6962 over the hashes of rows: one root for a whole history, and short proofs against it.
//!
//! Nothing here holds the leaves. A [`Tree`] grows by one leaf at a time and keeps one hash a set bit of its size; a
//! proof is planned as ranges of rows first ([`inclusion`], [`consistency`]) and gathered while the rows go by once.

use nightshift_model::Digest;
use sha2::{Digest as _, Sha256};

/// A tree that grows: the roots of its whole subtrees, the largest first.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Tree {
    size: u64,
    peaks: Vec<Digest>,
}

/// Rows from the first until the second, which is not part of it.
pub type Range = (u64, u64);

/// The hash of a leaf.
pub fn leaf(data: &[u8]) -> Digest {
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(data);
    Digest(hash.finalize().into())
}

fn node(left: &Digest, right: &Digest) -> Digest {
    let mut hash = Sha256::new();
    hash.update([1]);
    hash.update(left.0);
    hash.update(right.0);
    Digest(hash.finalize().into())
}

impl Tree {
    /// A tree that was put away: `None` when so many hashes are no tree of this size.
    pub fn of_parts(size: u64, peaks: Vec<Digest>) -> Option<Self> {
        let fits = u32::try_from(peaks.len()).is_ok_and(|n| n == size.count_ones());
        fits.then_some(Self { size, peaks })
    }

    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// What to put away.
    pub fn peaks(&self) -> &[Digest] {
        &self.peaks
    }

    /// Adds the hash of a leaf.
    pub fn push(&mut self, leaf: Digest) {
        let mut whole = leaf;
        let mut merges = self.size.trailing_ones();
        while merges > 0
            && let Some(left) = self.peaks.pop()
        {
            whole = node(&left, &whole);
            merges -= 1;
        }
        self.peaks.push(whole);
        self.size += 1;
    }

    /// Adds a row by its hash in the chain.
    pub fn row(&mut self, hash: &Digest) {
        self.push(leaf(&hash.0));
    }

    /// The root; of no leaves, the hash of nothing.
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return Digest(Sha256::digest([]).into()) };
        peaks.fold(*last, |right, left| node(left, &right))
    }
}

/// The largest power of two below `n`, which is at least 2.
fn split(n: u64) -> u64 {
    1 << (u64::BITS - 1 - (n - 1).leading_zeros())
}

/// The ranges whose roots prove that leaf `at` is in the tree of `size` leaves, in the order of the proof. `None` when
/// the tree has no such leaf.
pub fn inclusion(at: u64, size: u64) -> Option<Vec<Range>> {
    if at >= size {
        return None;
    }
    let mut ranges = Vec::new();
    let (mut low, mut high) = (0, size);
    while high - low > 1 {
        let middle = low + split(high - low);
        if at < middle {
            ranges.push((middle, high));
            high = middle;
        } else {
            ranges.push((low, middle));
            low = middle;
        }
    }
    ranges.reverse();
    Some(ranges)
}

/// The ranges whose roots prove that the tree of `new` leaves extends that of `old`, in the order of the proof. `None`
/// when it cannot: no old tree, or a larger one.
pub fn consistency(old: u64, new: u64) -> Option<Vec<Range>> {
    if old == 0 || old > new {
        return None;
    }
    let mut ranges = Vec::new();
    let (mut low, mut high, mut whole) = (0, new, true);
    while old != high {
        let middle = low + split(high - low);
        if old <= middle {
            ranges.push((middle, high));
            high = middle;
        } else {
            ranges.push((low, middle));
            low = middle;
            whole = false;
        }
    }
    if !whole {
        ranges.push((low, high));
    }
    ranges.reverse();
    Some(ranges)
}

/// The roots of ranges, while the leaves go by in order.
#[derive(Clone, Debug)]
pub struct Gather(Vec<(Range, Tree)>);

impl Gather {
    /// Nothing gathered yet.
    pub fn new(ranges: Vec<Range>) -> Self {
        Self(ranges.into_iter().map(|range| (range, Tree::default())).collect())
    }

    /// The row `seq` by its hash in the chain.
    pub fn row(&mut self, seq: u64, hash: &Digest) {
        for ((low, high), tree) in &mut self.0 {
            if (*low..*high).contains(&seq) {
                tree.row(hash);
            }
        }
    }

    /// The proof; `None` when leaves are missing.
    pub fn proof(&self) -> Option<Vec<Digest>> {
        let whole = |((low, high), tree): &(Range, Tree)| (tree.size == high - low).then(|| tree.root());
        self.0.iter().map(whole).collect()
    }
}

/// Whether a leaf's hash is number `at` in the tree of `size` leaves with this root (RFC 9162, 2.1.3.2).
pub fn included(leaf: &Digest, at: u64, size: u64, proof: &[Digest], root: &Digest) -> bool {
    if at >= size {
        return false;
    }
    let (mut place, mut last, mut reached) = (at, size - 1, *leaf);
    for step in proof {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            reached = node(step, &reached);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            reached = node(&reached, step);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && reached == *root
}

/// Whether the tree of `new` leaves extends that of `old` (RFC 9162, 2.1.4.2).
pub fn extends(old: (u64, &Digest), new: (u64, &Digest), proof: &[Digest]) -> bool {
    let ((old, old_root), (new, new_root)) = (old, new);
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    if old == 0 || old > new {
        return false;
    }
    let mut steps = proof.iter();
    let first = if old.is_power_of_two() { Some(old_root) } else { steps.next() };
    let Some(first) = first else { return false };
    let (mut place, mut last) = (old - 1, new - 1);
    while place & 1 == 1 {
        place >>= 1;
        last >>= 1;
    }
    let (mut before, mut after) = (*first, *first);
    for step in steps {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            before = node(step, &before);
            after = node(step, &after);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            after = node(&after, step);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && before == *old_root && after == *new_root
}

#[cfg(test)]
mod tests;
