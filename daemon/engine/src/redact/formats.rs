//! Tokens that are known by their own form, after gitleaks' rules (MIT) and the issuers' documentation.

use super::Span;
use super::value::{random, token_byte};
use regex::Regex;
use std::ops::Range;

/// How much text a format may need to be recognised; what belongs to the token beyond it is taken along.
const WINDOW: usize = 4_096;

/// One format, anchored at its keyword.
pub(super) struct Format {
    kind: &'static str,
    form: Regex,
    check: Check,
}

/// What must hold besides the form.
#[derive(Clone, Copy)]
enum Check {
    /// No letter or digit right before.
    Start,
    /// Like `Start`, no `-` nor `_` before either, and the match looks random.
    Random,
    /// Only the form's first group is the secret.
    Group,
}

/// Keyword, kind, form, check.
const TABLE: &[(&[&str], &str, &str, Check)] = &[
    (
        &["AKIA", "ASIA", "ABIA", "ACCA", "A3T"],
        "aws-key",
        r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
        Check::Start,
    ),
    (
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        "github-token",
        r"gh[pousr]_[A-Za-z0-9]{30,255}",
        Check::Start,
    ),
    (&["github_pat_"], "github-token", r"github_pat_[A-Za-z0-9_]{22,255}", Check::Start),
    (
        &["glpat-", "gldt-", "glrt-", "glft-", "glsoat-", "glptt-", "gloas-", "glcbt-", "glimt-", "glagent-"],
        "gitlab-token",
        r"gl[a-z]{2,5}-[A-Za-z0-9_-]{16,}",
        Check::Start,
    ),
    (&["xox"], "slack-token", r"xox[abeoprs][-.][A-Za-z0-9.-]{10,}", Check::Start),
    (&["xapp-"], "slack-token", r"xapp-\d-[A-Za-z0-9-]{10,}", Check::Start),
    (
        &["hooks.slack.com/"],
        "webhook",
        r"hooks\.slack\.com/((?:services|workflows|triggers)/[A-Za-z0-9/_-]{8,})",
        Check::Group,
    ),
    (
        &["discord.com/api/webhooks/", "discordapp.com/api/webhooks/"],
        "webhook",
        r"discord(?:app)?\.com/api/webhooks/([A-Za-z0-9/_-]{20,})",
        Check::Group,
    ),
    (&["webhook.office.com/"], "webhook", r"webhook\.office\.com/([A-Za-z0-9/@_-]{20,})", Check::Group),
    (&["eyJ"], "jwt", r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}", Check::Random),
    (&["AIza"], "google-key", r"AIza[0-9A-Za-z_-]{35}", Check::Start),
    (&["ya29."], "google-token", r"ya29\.[0-9A-Za-z_-]{20,}", Check::Start),
    (&["GOCSPX-"], "google-key", r"GOCSPX-[0-9A-Za-z_-]{20,}", Check::Start),
    (
        &["sk_live_", "sk_test_", "rk_live_", "rk_test_"],
        "stripe-key",
        r"[sr]k_(?:live|test)_[0-9A-Za-z]{10,}",
        Check::Start,
    ),
    (&["whsec_"], "webhook-key", r"whsec_[A-Za-z0-9+/=]{16,}", Check::Start),
    (&["npm_"], "npm-token", r"npm_[A-Za-z0-9]{36}", Check::Start),
    (&["pypi-"], "pypi-token", r"pypi-[A-Za-z0-9_-]{50,}", Check::Start),
    (&["sk-"], "api-key", r"sk-[A-Za-z0-9_-]{20,}", Check::Random),
    (&["SG."], "sendgrid-key", r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}", Check::Start),
    (&["hvs.", "hvb.", "hvr."], "vault-token", r"hv[sbr]\.[A-Za-z0-9_-]{20,}", Check::Start),
    (&["dop_v1_", "doo_v1_", "dor_v1_"], "digitalocean-token", r"do[opr]_v1_[a-f0-9]{64}", Check::Start),
    (&["AGE-SECRET-KEY-1"], "age-key", r"AGE-SECRET-KEY-1[A-Z0-9]{58}", Check::Start),
    (
        &["--user ", "--user=", " -u "],
        "password",
        r#"(?:--user[ =]| -u )['"]?[^\s:'"\[]{1,64}:([^\s'"\[][^\s'"]*)"#,
        Check::Group,
    ),
];

/// Every keyword with its format.
pub(super) fn all() -> Vec<(&'static str, Format)> {
    let compile = |form: &str| {
        Regex::new(&format!(r"\A(?:{form})"))
            .unwrap_or_else(|error| unreachable!("the forms are fixed: {error}"))
    };
    TABLE
        .iter()
        .flat_map(|(words, kind, form, check)| {
            words.iter().map(move |word| (*word, Format { kind, form: compile(form), check: *check }))
        })
        .collect()
}

impl Format {
    pub(super) fn find(&self, text: &str, hit: Range<usize>) -> Option<Span> {
        let bytes = text.as_bytes();
        let before = hit.start.checked_sub(1).and_then(|i| bytes.get(i)).copied().unwrap_or(b' ');
        let fits = match self.check {
            Check::Start => !before.is_ascii_alphanumeric(),
            Check::Random => !before.is_ascii_alphanumeric() && !matches!(before, b'-' | b'_' | b'.'),
            Check::Group => true,
        };
        if !fits {
            return None;
        }
        let end = text.floor_char_boundary(hit.start.saturating_add(WINDOW));
        let found = self.form.captures(text.get(hit.start..end)?)?;
        let part = match self.check {
            Check::Group => found.get(1)?,
            Check::Start | Check::Random => found.get(0)?,
        };
        if matches!(self.check, Check::Random) && !random(part.as_str()) {
            return None;
        }
        let mut end = hit.start + part.end();
        while bytes.get(end).copied().is_some_and(token_byte) {
            end += 1;
        }
        Span::new(hit.start + part.start()..end, self.kind)
    }
}
