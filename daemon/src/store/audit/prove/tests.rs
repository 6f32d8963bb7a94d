use super::*;
use crate::store::row::{chain, genesis};
use nightshift_engine::merkle::Tree;
use nightshift_engine::note::{Signer, origin};

type Change<'a> = &'a dyn Fn(&mut ProofDocument);

fn row(seq: u64, prev: Digest) -> RawRow {
    let (ts, kind, body) = ("2026-03-01T02:00:00.000000Z", "quiet", format!("{{\"n\":{seq}}}"));
    let hash = chain(seq, ts, kind, body.as_bytes(), &prev);
    RawRow {
        seq,
        ts: ts.to_owned(),
        kind: kind.to_owned(),
        actor: "operator".to_owned(),
        stream: "system".to_owned(),
        revision: seq + 1,
        epoch: None,
        incident: None,
        proposal: None,
        body,
        prev,
        hash,
    }
}

fn document() -> (ProofDocument, Signer) {
    let mut rows = vec![row(0, genesis("log"))];
    for seq in 1..7 {
        rows.push(row(seq, rows.last().unwrap().hash));
    }
    let signer = Signer::new(&origin("c", "log"), &[3; 32]).unwrap();
    let note = |size: usize| {
        let mut tree = Tree::default();
        for row in rows.iter().take(size) {
            tree.row(&row.hash);
        }
        let size = u64::try_from(size).unwrap();
        Note::sign(&Checkpoint { origin: origin("c", "log"), size, root: tree.root() }, &[&signer])
            .to_string()
    };
    let gathered = |ranges| {
        let mut gather = Gather::new(ranges);
        for row in &rows {
            gather.row(row.seq, &row.hash);
        }
        gather.proof().unwrap()
    };
    let document = ProofDocument {
        format: FORMAT.to_owned(),
        row: rows[2].clone(),
        inclusion: gathered(merkle::inclusion(2, 7).unwrap()),
        note: note(7),
        extends: Some(Extension { note: note(5), consistency: gathered(merkle::consistency(5, 7).unwrap()) }),
    };
    (document, signer)
}

#[test]
fn whatever_is_changed_in_a_proof_is_refused() {
    let (good, signer) = document();
    let keys = [signer.vkey().clone()];
    assert_eq!(check_proof(&good, &keys).unwrap().size, 7);
    let other = Signer::new(&origin("c", "log"), &[4; 32]).unwrap();
    let elsewhere = Note::sign(
        &Checkpoint { origin: origin("c", "other"), ..check_proof(&good, &keys).unwrap() },
        &[&signer],
    );
    let by_other = Note::sign(&check_proof(&good, &keys).unwrap(), &[&other]).to_string();
    let table: [(&str, Change); 12] = [
        ("changed after it was recorded", &|d| d.row.body = "{\"n\":3}".to_owned()),
        ("changed after it was recorded", &|d| d.row.seq = 3),
        ("is not in the history of 7 rows", &|d| {
            d.row.kind = "started".to_owned();
            d.row.hash = d.row.expected_hash();
        }),
        ("is not in the history of 7 rows", &|d| d.inclusion.reverse()),
        ("is not in the history of 7 rows", &|d| d.inclusion.clear()),
        ("signed by none of the keys", &|d| d.note.clone_from(&by_other)),
        ("does not carry the signature", &|d| d.note = d.note.replacen("\n7\n", "\n8\n", 1)),
        ("its note cannot be read", &|d| d.note.clear()),
        ("does not extend the earlier one of 5", &|d| d.extends.as_mut().unwrap().consistency.clear()),
        ("does not extend the earlier one", &|d| d.extends.as_mut().unwrap().note = elsewhere.to_string()),
        ("the earlier note is signed by none", &|d| d.extends.as_mut().unwrap().note.clone_from(&by_other)),
        ("it is of format 1", &|d| d.format = "1".to_owned()),
    ];
    for (what, change) in table {
        let mut bent = good.clone();
        change(&mut bent);
        let told = check_proof(&bent, &keys).unwrap_err();
        assert!(told.contains(what), "{what}: {told}");
    }
    assert!(check_proof(&good, &[]).unwrap_err().contains("none of the keys"));
}
