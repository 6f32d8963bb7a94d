//! The digest as one page that needs nothing from elsewhere: the text's own sections, escaped.

use nightshift_engine::digest::{Digest, text};
use std::fmt::Write as _;

/// Wide enough that nothing is wrapped: the browser does that.
const UNWRAPPED: usize = 100_000;

/// The page.
pub(super) fn page(digest: &Digest) -> String {
    let text = text(digest, UNWRAPPED);
    let mut parts = text.split("\n\n");
    let top = parts.next().unwrap_or_default();
    let mut body = String::new();
    let mut lines = top.lines();
    let title = escaped(lines.next().unwrap_or("nightshift"));
    let _ = write!(
        body,
        "<h1>{title}</h1>\n<p><strong>{}</strong></p>\n",
        escaped(lines.next().unwrap_or_default())
    );
    for line in lines {
        let _ = writeln!(body, "<p>{}</p>", escaped(line));
    }
    for part in parts {
        let (heading, items) = part.split_once('\n').unwrap_or((part, ""));
        let _ = write!(body, "<h2>{}</h2>\n<ul>\n", escaped(heading.trim()));
        let mut open = false;
        for line in items.lines() {
            if let Some(first) = line.strip_prefix("- ") {
                let end = if open { "</li>\n" } else { "" };
                let _ = write!(body, "{end}<li>{}", escaped(first));
                open = true;
            } else {
                let _ = write!(body, "<br>{}", escaped(line.trim_start()));
            }
        }
        body.push_str(if open { "</li>\n</ul>\n" } else { "</ul>\n" });
    }
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\n\
         <style>:root{{color-scheme:light dark}}body{{font:1rem/1.5 system-ui,sans-serif;max-width:45rem;margin:1rem auto;\
         padding:0 1rem;overflow-wrap:anywhere}}li{{margin:.5rem 0}}</style></head>\n<body>\n{body}</body></html>\n"
    )
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_never_becomes_markup() {
        assert_eq!(escaped("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
    }
}
