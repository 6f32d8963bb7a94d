use super::*;
use crate::store::testing::{at, store};

#[tokio::test]
async fn a_sign_in_link_works_once_and_for_ten_minutes() {
    let (_folder, store) = store().await;
    let ann = PersonId::from("ann");
    store.invite(b"secret-1", &ann, &Actor::Operator, at(0)).await.unwrap();
    store.invite(b"secret-2", &ann, &Actor::Operator, at(0)).await.unwrap();
    assert_eq!(store.invite_use(b"other", at(1)).await.unwrap(), None);
    assert_eq!(store.invited(b"secret-1", at(1)).await.unwrap(), Some(ann.clone()));
    let (a, b) = tokio::join!(store.invite_use(b"secret-1", at(1)), store.invite_use(b"secret-1", at(1)));
    assert_eq!([a.unwrap(), b.unwrap()].iter().flatten().count(), 1, "one of two gets in");
    assert_eq!(store.invite_use(b"secret-2", at(600)).await.unwrap(), None, "too late");
}

#[tokio::test]
async fn a_copy_of_the_store_signs_nobody_in() {
    let (folder, store) = store().await;
    let ann = PersonId::from("ann");
    store.invite(b"secret-invited", &ann, &Actor::Operator, at(0)).await.unwrap();
    store.session_open(b"secret-session", &ann, at(0), Seconds(60), Origin::default()).await.unwrap();
    let link = Link { proposal: ProposalId::from("pro-1"), recipient: "ann".to_owned(), expires_at: at(60) };
    store.link_make(b"secret-link", &link).await.unwrap();
    let mut seen = 0;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        seen += bytes.windows(3).filter(|w| *w == b"ann").count();
        assert!(!bytes.windows(7).any(|w| w == b"secret-"), "a secret stands there as it is");
    }
    assert!(seen > 0, "the rows are in none of these files");
}

#[tokio::test]
async fn a_session_ends_by_time_and_by_hand() {
    let (_folder, store) = store().await;
    let ann = PersonId::from("ann");
    let origin = Origin { how: "a link".to_owned(), from: "10.0.0.7".to_owned() };
    let session = store.session_open(b"secret-1", &ann, at(0), Seconds(60), origin.clone()).await.unwrap();
    store.session_open(b"secret-2", &ann, at(1), Seconds(600), Origin::default()).await.unwrap();
    assert_eq!(store.session(b"secret-1", at(59)).await.unwrap(), Some(session.clone()));
    assert_eq!(store.session(b"secret-1", at(60)).await.unwrap(), None);
    assert_eq!(store.session(b"secret-3", at(1)).await.unwrap(), None);
    let open = store.sessions(Some(&ann), at(2), 9).await.unwrap();
    assert_eq!((open.len(), &open[1].origin, open[1].last_used), (2, &origin, None));
    store.session_used(session.id_hash, at(50)).await.unwrap();
    store.session_used(session.id_hash, at(40)).await.unwrap();
    let open = store.sessions(None, at(51), 1).await.unwrap();
    assert_eq!((open.len(), open[0].last_used), (1, None), "the newest of everybody's");
    let used = store.session_of(session.id_hash, at(51)).await.unwrap().unwrap();
    assert_eq!(used.last_used, Some(at(50)), "never back");
    assert!(store.sessions(Some(&PersonId::from("bob")), at(2), 9).await.unwrap().is_empty());
    assert!(store.session_revoke(session.id_hash, at(3)).await.unwrap());
    assert!(!store.session_revoke(session.id_hash, at(3)).await.unwrap());
    store.invite(b"three", &ann, &Actor::Operator, at(3)).await.unwrap();
    assert_eq!(store.person_revoke(&ann, at(4)).await.unwrap(), 1);
    assert_eq!(store.session(b"secret-2", at(5)).await.unwrap(), None);
    assert_eq!(store.invite_use(b"three", at(5)).await.unwrap(), None);
}

#[tokio::test]
async fn the_last_use_of_a_token_is_kept_by_its_name() {
    let (_folder, store) = store().await;
    for (name, second) in [("ci", 10), ("ci", 20), ("ci", 15), ("other", 5)] {
        store.token_used(name, at(second)).await.unwrap();
    }
    let used = store.tokens_used().await.unwrap();
    assert_eq!(
        used.into_iter().collect::<Vec<_>>(),
        [("ci".to_owned(), at(20)), ("other".to_owned(), at(5))]
    );
}

#[tokio::test]
async fn links_end_by_time_and_all_at_once() {
    let (_folder, store) = store().await;
    let link = Link { proposal: ProposalId::from("pro-1"), recipient: "ann".to_owned(), expires_at: at(60) };
    store.link_make(b"n1", &link).await.unwrap();
    store.link_make(b"n2", &link).await.unwrap();
    assert_eq!(store.link(b"n1", at(59)).await.unwrap(), Some(link.clone()));
    assert_eq!(store.link(b"n1", at(60)).await.unwrap(), None);
    assert_eq!(store.links_revoke(&link.proposal, at(1)).await.unwrap(), 2);
    assert_eq!(store.link(b"n2", at(2)).await.unwrap(), None);
}
