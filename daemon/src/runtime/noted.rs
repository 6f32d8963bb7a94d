//! What the configuration says otherwise than at the start before this one: history, and where it matters a message.

use super::RuleBook;
use super::rules::system;
use crate::clock::Clock;
use crate::store::{HistoryStore as _, SqliteStore, SystemAppend};
use nightshift_engine::StoreError;
use nightshift_engine::policy_change::{Known, facts, noted};
use nightshift_engine::rules::Rules;
use nightshift_model::effect::Me;
use nightshift_model::{HistoryEvent, Ignore, SystemEvent};

/// A change of persons, roles, owners, policy, playbooks or mode is history, voids votes, and is told: in one
/// transaction, so that there is no change without its message.
pub(super) async fn policy(
    store: &SqliteStore,
    clock: Clock,
    me: &Me,
    rules: &RuleBook,
) -> Result<(), StoreError> {
    let fixed = &rules.fixed;
    let after = Rules::policy_digest(&fixed.registry, &fixed.playbooks, &fixed.mode);
    let before = Known { policy: system(store).await?.policy, facts: last_noted(store).await? };
    let facts = facts(&fixed.registry, &fixed.playbooks, &fixed.mode);
    let (events, outbox) = noted(&before, after, facts, me.epoch);
    if events.is_empty() {
        return Ok(());
    }
    let (fence, actor) = (Some((me.role, me.epoch)), me.actor.clone());
    let append = SystemAppend { fence, actor, at: clock.now(), events, outbox };
    store.append_system(append).await.map(drop)
}

/// What the configuration ignores: the digest tells it.
pub(super) async fn ignored(
    store: &SqliteStore,
    clock: Clock,
    me: &Me,
    ignore: &Ignore,
) -> Result<(), StoreError> {
    if system(store).await?.ignored == ignore.0 {
        return Ok(());
    }
    let changed = SystemEvent::IgnoreChanged { entries: ignore.0.clone() };
    store.append_system(SystemAppend::by(me, clock.now(), changed)).await.map(drop)
}

async fn last_noted(store: &SqliteStore) -> Result<Option<nightshift_model::Digest>, StoreError> {
    let last = store.system_events(&["policy-noted"]).await?.pop();
    Ok(last.and_then(|row| match row.event {
        HistoryEvent::System(SystemEvent::PolicyNoted { policy, .. }) => Some(policy),
        HistoryEvent::System(_) | HistoryEvent::Incident(_) => None,
    }))
}
