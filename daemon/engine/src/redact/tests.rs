use super::*;

#[test]
fn x() {
    assert_eq!(redactor().redact("password=hunter2 user=bob").text, "password=[redacted:password] user=bob");
}
