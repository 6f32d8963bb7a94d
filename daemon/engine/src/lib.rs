//! The verbs of nightshift: every decision a pure function, and the one driver that chains them.

pub mod difference;
pub mod evidence;
pub mod normal;
pub mod redact;
pub mod text;
