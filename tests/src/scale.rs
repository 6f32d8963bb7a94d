//! A cluster as large as a company's, and what nightshift needs beside others on it: what `tests/bench/run` measures.

pub mod churn;
pub mod idle;
pub mod load;
pub mod memory;
pub mod objects;
pub mod peers;
pub mod raw;
pub mod sync;
pub mod table;
