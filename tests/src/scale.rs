//! A cluster as large as a company's, and what nightshift needs beside others on it: what `tests/bench/run` measures.

pub mod churn;
pub mod idle;
pub mod latency;
pub mod load;
pub mod logs;
pub mod machine;
pub mod memory;
pub mod objects;
pub mod paging;
pub mod peers;
pub mod profile;
pub mod raw;
pub mod redaction;
pub mod secrets;
pub mod sync;
pub mod table;
