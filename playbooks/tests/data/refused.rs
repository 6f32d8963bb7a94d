//! `tests/refused/<case>.yaml` is refused with the text of `<case>.err`.

use crate::yaml_files;
use expect_test::expect_file;
use nightshift_playbooks::{Source, load};

#[test]
fn every_bad_file_is_refused_with_its_text() {
    let files = yaml_files("tests/refused");
    assert!(files.len() > 20);
    let mut wrong = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let file = path.file_name().unwrap().to_str().unwrap();
        let errors = load(&[Source { file, text: &text }]).expect_err(file);
        let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
        expect_file![path.with_extension("err")].assert_eq(&(said.join("\n") + "\n"));
        // A line that is wrong says so itself, so that no golden text is right about the wrong line.
        let marked: Vec<u64> =
            text.lines().zip(1..).filter(|(line, _)| line.contains("# here")).map(|(_, at)| at).collect();
        let named: Vec<u64> = errors.iter().map(|error| error.line).collect();
        if named != marked {
            wrong.push(format!("{file} names lines {named:?}, marked are {marked:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
