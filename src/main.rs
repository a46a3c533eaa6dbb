//! The `nearfar` command.

use std::process::ExitCode;

/// Keeps freed planes for the next frame: with the system's allocator a quarter of the time goes into page faults.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    keep_freed_memory();
    nearfar::cli::main().into()
}

/// Never hands freed planes back to the system: the next frame needs as many, and zeroed pages cost as much as half a
/// decoding.
#[expect(unsafe_code, reason = "the allocator has no safe interface for its options")]
fn keep_freed_memory() {
    /// `mi_option_purge_delay` of mimalloc.h, which the bindings leave out; −1: never.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    // SAFETY: no other thread runs yet, which is all that is asked for.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, -1) };
}
