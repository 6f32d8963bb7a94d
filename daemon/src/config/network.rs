//! `network:`.

use serde::Deserialize;
use std::path::PathBuf;

/// How nightshift's own connections leave. The proxy is what HTTPS_PROXY and NO_PROXY say.
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// PEM file of authorities that are trusted beside the public ones.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}
