//! The program: an allocator and the command line.

use std::process::ExitCode;

/// Gives memory back after bursts, and is faster than the system's with many small objects.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A page of 2 MiB for a few objects: what is touched here and there would be resident as a whole. A kernel that
    // knows no such setting has no such pages.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    nightshift::cli::run()
}
