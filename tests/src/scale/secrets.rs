//! Secrets of the commonest kinds, each made anew, in lines as programs log them.

use super::logs::Chance;

/// What it is, and a line. Between `«` and `»` stands the secret; `{x16}` is sixteen characters of the class `x`.
pub const KINDS: [(&str, &str); 30] = [
    ("AWS access key", "2026-03-01T02:00:00Z INFO assuming role with «AKIA{k16}» in eu-central-1"),
    ("AWS secret key", "AWS_SECRET_ACCESS_KEY=«{b40}»"),
    ("Azure storage key", "AccountName=shop;AccountKey=«{b86}==»;EndpointSuffix=core.windows.net"),
    ("Google API key", "maps: request with key «AIza{w35}» was rejected"),
    ("Google OAuth token", "got «ya29.{w60}» from the metadata server"),
    ("private key", "\"private_key\": \"«-----BEGIN {P}-----\\nMII{b61}\\n{b64}\\n-----END {P}-----\\n»\""),
    ("GitHub token", "fatal: could not read from https://«ghp_{a36}»@github.com/shop/cart.git"),
    ("GitHub fine-grained token", "GITHUB_TOKEN=«github_pat_{a22}_{a59}»"),
    ("GitLab token", "PRIVATE-TOKEN: «glpat-{w20}»"),
    ("Slack bot token", "slack: posting with «xoxb-{d12}-{d13}-{a24}»"),
    ("Slack webhook", "POST https://hooks.slack.com/«services/T{k8}/B{k8}/{a24}» answered 404"),
    ("Discord webhook", "POST https://discord.com/api/webhooks/«{d18}/{w68}» answered 401"),
    ("Stripe key", "stripe: No such customer; key «sk_live_{a24}»"),
    ("OpenAI key", "openai.AuthenticationError: Incorrect API key provided: «sk-proj-{a48}»"),
    ("Anthropic key", "x-api-key: «sk-ant-api03-{w93}AA»"),
    ("SendGrid key", "mail: sending with «SG.{w22}.{w43}»"),
    ("Twilio token", "{\"account_sid\":\"AC{h32}\",\"auth_token\":\"«{h32}»\"}"),
    ("npm token", "//packages.example.com/:_authToken=«npm_{a36}»"),
    ("PyPI token", "uploading with «pypi-AgEIcHlwaS5vcmc{w70}»"),
    ("registry login", "{\"auths\":{\"registry.shop.example\":{\"auth\":\"«{b28}»\"}}}"),
    ("Vault token", "VAULT_TOKEN=«hvs.{w90}»"),
    ("DigitalOcean token", "do: token «dop_v1_{h64}» has no such right"),
    ("JWT", "denied: «eyJ{w33}.eyJ{w60}.{w43}» is expired"),
    ("bearer token", "header=\"Authorization: Bearer «{a40}»\" status=401"),
    ("basic login", "Authorization: Basic «{b28}»"),
    ("password in a URL", "dial postgres://cart:«{a16}»@db.shop.svc:5432/cart?sslmode=require"),
    ("password in a MySQL name", "sql: cannot open cart:«{a16}»@tcp(mysql.shop.svc:3306)/cart"),
    ("password", "config: user=cart password=«{a14}» host=db.shop.svc"),
    ("API key in an address", "GET /v1/rates?api_key=«{h32}»&base=EUR 403"),
    ("session cookie", "Set-Cookie: «session={a32}; Path=/; HttpOnly»"),
];

/// A line of this kind and the secret in it.
pub fn line(kind: usize, chance: &mut Chance) -> (String, String) {
    let (_, form) = KINDS.get(kind % KINDS.len()).copied().unwrap_or_default();
    let (mut line, mut secret, mut within) = (String::new(), String::new(), false);
    let mut rest = form;
    while let Some(next) = rest.chars().next() {
        rest = rest.get(next.len_utf8()..).unwrap_or_default();
        let piece = match next {
            '«' | '»' => {
                within = next == '«';
                continue;
            }
            '{' => match rest.split_once('}').map(|(hole, after)| (fill(hole, chance), after)) {
                Some((Some(text), after)) => {
                    rest = after;
                    text
                }
                Some((None, _)) | None => next.to_string(),
            },
            other => other.to_string(),
        };
        line.push_str(&piece);
        if within {
            secret.push_str(&piece);
        }
    }
    (line, secret)
}

/// What a hole of a form stands for.
fn fill(hole: &str, chance: &mut Chance) -> Option<String> {
    if hole == "P" {
        return Some(["PRIVATE", "KEY"].join(" ")); // in one word, scanners of this repository would call
    }
    let class: &[u8] = match hole.get(..1)? {
        "k" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        "a" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        "w" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-",
        "b" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        "h" => b"0123456789abcdef",
        "d" => b"0123456789",
        _ => return None,
    };
    let count: usize = hole.get(1..)?.parse().ok()?;
    Some((0..count).map(|_| char::from(chance.of(class))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nightshift_engine::redact::redactor;

    #[test]
    fn every_kind_is_made_and_found() {
        let mut chance = Chance::new(1);
        for (kind, (name, _)) in KINDS.iter().enumerate() {
            for _ in 0..50 {
                let (line, secret) = line(kind, &mut chance);
                assert!(line.contains(&secret) && !secret.contains(['{', '«']), "{name}: {line}");
                let done = redactor().redact(&line);
                assert!(!done.text.contains(&secret), "{name}: {line}\n   -> {}", done.text);
            }
        }
    }
}
