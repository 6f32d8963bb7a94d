use super::*;
use proptest::prelude::*;

/// The leaves of the reference tests that came with Certificate Transparency.
const LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

/// Their roots, of one leaf to eight.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn digests(list: &[&str]) -> Vec<Digest> {
    list.iter().map(|hex| Digest::parse(hex).unwrap()).collect()
}

fn leaves() -> Vec<Digest> {
    LEAVES.iter().map(|hex| leaf(&bytes(hex))).collect()
}

fn tree(leaves: &[Digest]) -> Tree {
    let mut tree = Tree::default();
    for leaf in leaves {
        tree.push(*leaf);
    }
    tree
}

/// As RFC 6962, 2.1 writes it down, without a thought for speed.
fn naive_root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest(Sha256::digest([]).into()),
        [one] => *one,
        more => {
            let (left, right) = more.split_at(half(more.len()));
            node(&naive_root(left), &naive_root(right))
        }
    }
}

fn half(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

/// 2.1.1.
fn naive_path(at: usize, leaves: &[Digest]) -> Vec<Digest> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(half(leaves.len()));
    let (mut path, other) = if at < left.len() {
        (naive_path(at, left), right)
    } else {
        (naive_path(at - left.len(), right), left)
    };
    path.push(naive_root(other));
    path
}

/// 2.1.2, SUBPROOF.
fn naive_subproof(old: usize, leaves: &[Digest], whole: bool) -> Vec<Digest> {
    if old == leaves.len() {
        return if whole { Vec::new() } else { vec![naive_root(leaves)] };
    }
    let (left, right) = leaves.split_at(half(leaves.len()));
    let (mut proof, other) = if old <= left.len() {
        (naive_subproof(old, left, whole), right)
    } else {
        (naive_subproof(old - left.len(), right, false), left)
    };
    proof.push(naive_root(other));
    proof
}

/// What the daemon does, over leaves instead of rows.
fn gathered(ranges: Vec<Range>, leaves: &[Digest]) -> Vec<Digest> {
    let mut gather = Gather::new(ranges);
    for (at, leaf) in (0..).zip(leaves) {
        for ((low, high), tree) in &mut gather.0 {
            if (*low..*high).contains(&at) {
                tree.push(*leaf);
            }
        }
    }
    gather.proof().unwrap()
}

fn n(size: usize) -> u64 {
    u64::try_from(size).unwrap()
}

#[test]
fn the_published_roots_come_out() {
    for (size, root) in (1..).zip(digests(&ROOTS)) {
        assert_eq!(tree(&leaves()[..size]).root(), root, "{size} leaves");
    }
    let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(Tree::default().root().to_string(), nothing);
}

#[test]
fn the_published_paths_come_out() {
    let table: [(u64, usize, &[&str]); 4] = [
        (
            0,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            8,
            &[
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
        (
            1,
            5,
            &[
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];
    for (at, size, path) in table {
        let leaves = &leaves()[..size];
        let proof = gathered(inclusion(at, n(size)).unwrap(), leaves);
        assert_eq!(proof, digests(path), "leaf {at} of {size}");
        let own = leaves[usize::try_from(at).unwrap()];
        assert!(included(&own, at, n(size), &proof, &tree(leaves).root()));
    }
}

#[test]
fn the_published_consistency_proofs_come_out() {
    let table: [(usize, usize, &[&str]); 4] = [
        (1, 1, &[]),
        (
            1,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            6,
            8,
            &[
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            5,
            &[
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];
    for (old, new, proof) in table {
        let leaves = leaves();
        assert_eq!(gathered(consistency(n(old), n(new)).unwrap(), &leaves[..new]), digests(proof));
        let (a, b) = (tree(&leaves[..old]).root(), tree(&leaves[..new]).root());
        assert!(extends((n(old), &a), (n(new), &b), &digests(proof)), "{old} to {new}");
    }
}

#[test]
fn what_is_no_tree_and_no_proof_is_refused() {
    assert_eq!(inclusion(3, 3), None);
    assert_eq!(inclusion(0, 0), None);
    assert_eq!(consistency(0, 3), None, "everything extends nothing: there is nothing to prove");
    assert_eq!(consistency(4, 3), None);
    assert_eq!(Tree::of_parts(6, leaves()[..1].to_vec()), None);
    let kept = tree(&leaves()[..6]);
    let mut again = Tree::of_parts(6, kept.peaks().to_vec()).unwrap();
    leaves()[6..].iter().for_each(|leaf| again.push(*leaf));
    assert_eq!(again, tree(&leaves()));
    let root = again.root();
    assert!(!included(&leaves()[0], 8, 8, &[], &root));
    assert!(!included(&leaves()[0], 0, 8, &[], &root));
    assert!(!extends((0, &root), (8, &root), &[]));
    assert!(!extends((8, &root), (8, &root), &[root]));
    assert!(!extends((8, &root), (7, &root), &[]));
    assert_eq!(Gather::new(vec![(0, 2)]).proof(), None, "leaves are missing");
}

proptest! {
    #[test]
    fn the_tree_and_its_proofs_are_those_of_the_naive_one(size in 1_usize..80, at in 0_usize..80, old in 1_usize..80) {
        let leaves: Vec<Digest> = (0..size).map(|i| leaf(&i.to_be_bytes())).collect();
        let (at, old) = (at % size, old % size + 1);
        let root = tree(&leaves).root();
        prop_assert_eq!(root, naive_root(&leaves));
        let path = gathered(inclusion(n(at), n(size)).unwrap(), &leaves);
        prop_assert_eq!(&path, &naive_path(at, &leaves));
        prop_assert!(included(&leaves[at], n(at), n(size), &path, &root));
        let proof = gathered(consistency(n(old), n(size)).unwrap(), &leaves);
        prop_assert_eq!(&proof, &naive_subproof(old, &leaves, true));
        let before = tree(&leaves[..old]).root();
        prop_assert!(extends((n(old), &before), (n(size), &root), &proof));
    }

    #[test]
    fn no_other_leaf_place_size_or_root_is_proven(
        size in 2_usize..60, at in 0_usize..60, flip in 0_usize..8, bit in 0_u8..8, more in 1_u64..5,
    ) {
        let leaves: Vec<Digest> = (0..size).map(|i| leaf(&i.to_be_bytes())).collect();
        let (at, root) = (at % size, tree(&leaves).root());
        let path = gathered(inclusion(n(at), n(size)).unwrap(), &leaves);
        prop_assert!(!included(&leaves[(at + 1) % size], n(at), n(size), &path, &root));
        prop_assert!(!included(&leaves[at], n((at + 1) % size), n(size), &path, &root));
        let mut bent = path.clone();
        let at_step = flip % bent.len();
        bent[at_step].0[0] ^= 1 << bit;
        prop_assert!(!included(&leaves[at], n(at), n(size), &bent, &root));
        let mut long = path.clone();
        long.push(root);
        prop_assert!(!included(&leaves[at], n(at), n(size), &long, &root));
        prop_assert!(!included(&leaves[at], n(at), n(size), &path[1..], &root));
        // A history that was written anew from some row on does not extend the old one.
        let mut other = leaves.clone();
        other[at].0[0] ^= 1 << bit;
        other.extend((0..more).map(|i| leaf(&i.to_le_bytes())));
        let proof = gathered(consistency(n(size), n(other.len())).unwrap(), &other);
        prop_assert!(!extends((n(size), &root), (n(other.len()), &tree(&other).root()), &proof));
    }
}
