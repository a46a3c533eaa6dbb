//! The `nearfar` command.

use std::process::ExitCode;

/// Keeps freed planes for the next frame: with the system's allocator a quarter of the time goes into page faults.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    nearfar::cli::main().into()
}
