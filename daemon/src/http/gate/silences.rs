//! The page of silences: what nobody is told of, now, soon and until lately; added and ended by forms.

use super::Gate;
use super::forms::{self, Purpose};
use super::post::Unchanged;
use super::render::{Frame, Here, NextStep, clock, page, sentence};
use crate::api::vote::{AgainPost, SilenceOf, SilencePost};
use crate::stages::query::{Over, Reader};
use crate::stages::vote::people::Visitor;
use crate::stages::vote::{SilenceAsked, SilenceTaken, Unsilenced, anywhere, may_quiet};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use nightshift_engine::rules::Rules;
use nightshift_model::registry::{PersonKind, Power};
use nightshift_model::silence::MOST;
use nightshift_model::vote::VoteRefusal;
use nightshift_model::{Actor, BadSilence, Reason, Seconds, Selector, Silence, SilenceId, Source, Timestamp};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "silences.html")]
struct SilencesPage {
    frame: Frame,
    active: Vec<SilenceView>,
    upcoming: Vec<SilenceView>,
    over: Vec<SilenceView>,
    add: Option<AddView>,
}

struct SilenceView {
    id: String,
    of: String,
    when: String,
    who: String,
    because: String,
    end: Option<String>,
}

/// The form, as it was filled in when it is shown again.
#[derive(Default)]
struct AddView {
    csrf: String,
    of: SilenceOf,
    name: String,
    begins: String,
    lasts: String,
    because: String,
    wrong: Vec<Wrong>,
}

/// What is wrong with one field.
struct Wrong {
    field: &'static str,
    why: String,
}

impl AddView {
    fn wrong(&self, field: &str) -> Option<&str> {
        self.wrong.iter().find(|wrong| wrong.field == field).map(|wrong| wrong.why.as_str())
    }

    fn is(&self, of: &str) -> bool {
        self.of.as_str() == of
    }
}

/// The page.
pub(super) async fn list(State(gate): State<Arc<Gate>>, headers: HeaderMap) -> Response {
    let Some(visitor) = gate.visitor(&headers).await else { return gate.sign_in_first() };
    let rules = gate.votes.rules().await;
    gate.silences_page(StatusCode::OK, &visitor, &rules, AddView::default()).await
}

/// A new silence.
pub(super) async fn add(State(gate): State<Arc<Gate>>, headers: HeaderMap, body: Bytes) -> Response {
    let (visitor, post) = match gate.ours(&headers, &body, |_: &SilencePost| Purpose::AddSilence).await {
        Ok(ours) => ours,
        Err(no) => return gate.unchanged(no.why, no.visitor.as_ref(), said()).await,
    };
    let wrong = match asked(&post) {
        Err(wrong) => wrong,
        Ok(asked) => match gate.votes.silence_for(&visitor.person.name, asked).await {
            Ok(SilenceTaken::Silenced) => return Redirect::to("/silences").into_response(),
            Ok(SilenceTaken::Bad(why)) => vec![Wrong { field: field(why), why: sentence(&why.to_string()) }],
            Ok(SilenceTaken::TooMany) => {
                let why = format!("{MOST} silences are in force or to come already: end some first.");
                vec![Wrong { field: "of", why }]
            }
            Err(VoteRefusal::NoRole) => {
                let why = match post.of {
                    SilenceOf::Reason => "A kind of fault is silenced by who may approve everywhere.",
                    SilenceOf::Namespace | SilenceOf::Workload => {
                        "You may not approve there, so you may not silence it."
                    }
                };
                gate.metrics.refused(VoteRefusal::NoRole.as_str());
                let add =
                    AddView { wrong: vec![Wrong { field: "name", why: why.to_owned() }], ..filled(post) };
                let rules = gate.votes.rules().await;
                return gate.silences_page(StatusCode::FORBIDDEN, &visitor, &rules, add).await;
            }
            Err(why) => return gate.unchanged(why, Some(&visitor), said()).await,
        },
    };
    let rules = gate.votes.rules().await;
    let add = AddView { wrong, ..filled(post) };
    gate.silences_page(StatusCode::UNPROCESSABLE_ENTITY, &visitor, &rules, add).await
}

/// The end of one.
pub(super) async fn end(
    State(gate): State<Arc<Gate>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let id = SilenceId(id);
    let (visitor, _) = match gate.ours(&headers, &body, |_: &AgainPost| Purpose::EndSilence(&id)).await {
        Ok(ours) => ours,
        Err(no) => return gate.unchanged(no.why, no.visitor.as_ref(), said()).await,
    };
    match gate.votes.unsilence(&visitor.person.name, &id).await {
        Ok(Unsilenced::Ended) => Redirect::to("/silences").into_response(),
        Ok(Unsilenced::Over) => {
            let told = ("It is over already.", &["Somebody was faster, or its time had come."] as &[&str]);
            gate.say(&visitor, StatusCode::CONFLICT, "Silence", told, back()).await
        }
        Ok(Unsilenced::Annotated) => {
            let told = ("It is kept in an annotation.", &["Take it away from the object."] as &[&str]);
            gate.say(&visitor, StatusCode::CONFLICT, "Silence", told, back()).await
        }
        Err(why) => gate.unchanged(why, Some(&visitor), said()).await,
    }
}

fn back() -> NextStep {
    NextStep::to("/silences", "To the silences")
}

fn said() -> Unchanged<'static> {
    Unchanged { next: Some(back()), ..Unchanged::PLAIN }
}

/// What a form asks for, or what is wrong with its fields.
fn asked(post: &SilencePost) -> Result<SilenceAsked, Vec<Wrong>> {
    let mut wrong = Vec::new();
    let name = post.name.trim();
    let of = match post.of {
        SilenceOf::Namespace => Ok(Selector::Namespace(name.to_owned())),
        SilenceOf::Workload => name
            .split_once('/')
            .map(|(namespace, name)| Selector::Workload {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            })
            .ok_or("Write a workload as NAMESPACE/NAME."),
        SilenceOf::Reason => serde_json::from_value::<Reason>(name.into())
            .map(Selector::Reason)
            .map_err(|_| "There is no such kind of fault. Write it as an incident shows it."),
    };
    let mut time = |field, text: &str, empty| match text.trim() {
        "" => empty,
        text => text.parse::<Seconds>().map_err(|why| wrong.push(Wrong { field, why: sentence(&why) })).ok(),
    };
    let begins = time("begins", &post.begins, Some(Seconds(0)));
    let lasts = time("lasts", &post.lasts, None);
    if lasts.is_none() && post.lasts.trim().is_empty() {
        wrong.push(Wrong { field: "lasts", why: "Say how long, as in 30m, 2h or 7d.".to_owned() });
    }
    match (of, begins, lasts) {
        (Ok(of), Some(begins), Some(lasts)) => {
            Ok(SilenceAsked { of, begins, lasts, because: post.because.clone() })
        }
        (of, ..) => {
            if let Err(why) = of {
                wrong.push(Wrong { field: "name", why: why.to_owned() });
            }
            Err(wrong)
        }
    }
}

/// The field that breaks a rule.
fn field(why: BadSilence) -> &'static str {
    match why {
        BadSilence::NoTime | BadSilence::TooLong => "lasts",
        BadSilence::NoReason => "because",
        BadSilence::BadName => "name",
    }
}

fn filled(post: SilencePost) -> AddView {
    let SilencePost { of, name, begins, lasts, because, .. } = post;
    AddView { of, name, begins, lasts, because, ..AddView::default() }
}

impl Gate {
    async fn silences_page(
        &self,
        status: StatusCode,
        visitor: &Visitor,
        rules: &Rules,
        add: AddView,
    ) -> Response {
        let person = &visitor.person;
        if !anywhere(&rules.registry, person, &[Power::View]) {
            return Self::nothing_here();
        }
        let reader = Reader::with(Arc::clone(&rules.registry), person.roles.clone());
        let all = match self.reads.silences(&reader).await {
            Ok(all) => all,
            Err(error) => return Self::unavailable(&error),
        };
        let (now, zone) = (self.clock.now(), &self.site.zone);
        let time = |at: Timestamp| clock(at, now, zone);
        let token = |purpose: &Purpose<'_>| forms::token(&self.keys, visitor.session, purpose);
        let open = |silence: &Silence, when: String| SilenceView {
            end: (silence.source == Source::Here
                && may_quiet(&rules.registry, &person.name, &silence.of).is_ok())
            .then(|| token(&Purpose::EndSilence(&silence.id))),
            ..shown(silence, when)
        };
        let over = |over: &Over| {
            let how = match &over.by {
                Some(by) => format!("Ended by {}, {}", named(by), time(over.at)),
                None => format!("Ran out, {}", time(over.at)),
            };
            shown(&over.silence, how)
        };
        let may_add =
            person.kind == PersonKind::Person && anywhere(&rules.registry, person, &[Power::Approve]);
        let view = SilencesPage {
            frame: Frame { here: Here::Silences, ..self.frame("Silences", visitor, rules).await },
            active: all.active.iter().map(|s| open(s, format!("Until {}", time(s.until)))).collect(),
            upcoming: all
                .upcoming
                .iter()
                .map(|s| open(s, format!("From {} until {}", time(s.from), time(s.until))))
                .collect(),
            over: all.over.iter().map(over).collect(),
            add: may_add.then(|| AddView { csrf: token(&Purpose::AddSilence), ..add }),
        };
        self.with_page_cookie(page(status, &view), visitor)
    }
}

fn shown(silence: &Silence, when: String) -> SilenceView {
    SilenceView {
        id: silence.id.to_string(),
        of: silence.of.to_string(),
        when,
        who: match silence.source {
            Source::Here => named(&silence.by),
            Source::Annotation => "an annotation of the object, and ended there".to_owned(),
        },
        because: silence.because.clone(),
        end: None,
    }
}

fn named(actor: &Actor) -> String {
    match actor {
        Actor::Person(name) => name.to_string(),
        Actor::Operator => "the command line".to_owned(),
        Actor::Nightshift(_) => "nightshift".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_says_what_is_wrong_with_it() {
        let post = |of, name: &str, begins: &str, lasts: &str| SilencePost {
            csrf: String::new(),
            of,
            name: name.to_owned(),
            begins: begins.to_owned(),
            lasts: lasts.to_owned(),
            because: "a migration".to_owned(),
        };
        let good = asked(&post(SilenceOf::Workload, " shop/cart ", "1h", "2h")).ok().unwrap();
        assert_eq!(
            (good.of.to_string().as_str(), good.begins, good.lasts),
            ("workload shop/cart", Seconds(3600), Seconds(7200))
        );
        assert_eq!(
            asked(&post(SilenceOf::Reason, "CrashLoopBackOff", "", "5m")).ok().unwrap().begins,
            Seconds(0)
        );
        for (post, fields) in [
            (post(SilenceOf::Workload, "cart", "", "2h"), vec!["name"]),
            (post(SilenceOf::Reason, "Sadness", "", "2h"), vec!["name"]),
            (post(SilenceOf::Namespace, "shop", "", ""), vec!["lasts"]),
            (post(SilenceOf::Namespace, "shop", "soon", "2 hours"), vec!["begins", "lasts"]),
            (post(SilenceOf::Namespace, "shop", "-1h", "99999999999999999999d"), vec!["begins", "lasts"]),
            (post(SilenceOf::Workload, "", "x", "x"), vec!["begins", "lasts", "name"]),
        ] {
            let wrong: Vec<_> = asked(&post).err().unwrap().iter().map(|wrong| wrong.field).collect();
            assert_eq!(wrong, fields, "{post:?}");
        }
    }
}
