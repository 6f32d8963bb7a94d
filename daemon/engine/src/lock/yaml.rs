//! A manifest as YAML that people read: what the generated files hold.

use serde_json::Value;
use std::fmt::Write as _;

/// Writes a value as block YAML, `depth` spaces in. Texts of several lines stand as they are.
pub(super) fn write(out: &mut String, value: &Value, depth: usize) {
    let pad = " ".repeat(depth);
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let _ = write!(out, "{pad}{name}:");
                below(out, field, depth);
            }
        }
        Value::Array(list) => {
            for entry in list {
                if let Value::Object(_) = entry {
                    let mut inner = String::new();
                    write(&mut inner, entry, depth + 2);
                    let _ = write!(out, "{pad}- {}", inner.trim_start());
                } else {
                    let _ = writeln!(out, "{pad}- {entry}");
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let _ = writeln!(out, "{pad}{value}");
        }
    }
}

fn below(out: &mut String, field: &Value, depth: usize) {
    match field {
        Value::String(text) if text.contains('\n') => {
            out.push_str(" |-\n");
            for line in text.lines() {
                let _ = writeln!(out, "{}{line}", " ".repeat(depth + 2));
            }
        }
        Value::Array(list) if list.iter().all(|one| !one.is_object()) => {
            let _ = writeln!(out, " {field}");
        }
        Value::Object(fields) if fields.is_empty() => out.push_str(" {}\n"),
        Value::Object(_) | Value::Array(_) => {
            out.push('\n');
            write(out, field, depth + 2);
        }
        // JSON's texts, numbers and switches are YAML's.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let _ = writeln!(out, " {field}");
        }
    }
}
