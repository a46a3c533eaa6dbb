//! Decodes frames in parallel and hands them to one consumer, with a bounded number of them alive.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crossbeam_channel::bounded;

use crate::error::{Error, Result};
use crate::image_io::Header;

/// A Ctrl-C that the pipeline looks at between frames.
pub type Interrupt = AtomicBool;

/// Fails if `interrupt` was raised.
///
/// # Errors
/// [`Error::Interrupted`].
pub fn check(interrupt: &Interrupt) -> Result<()> {
    if interrupt.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
}

/// Decodes `files` by `decode` on `threads` threads and calls `consume` with index and result, in the order of
/// completion.
///
/// At most `threads` + 1 decoded frames are alive: one per decoder, one with the consumer.
///
/// # Errors
/// The first error of `consume`, or [`Error::Interrupted`]; then no further frame is decoded.
pub fn stream<T: Send>(
    files: &[(&Path, &Header)],
    decode: impl Fn(&Path, &Header) -> Result<T> + Sync,
    threads: usize,
    interrupt: &Interrupt,
    mut consume: impl FnMut(usize, Result<T>) -> Result<()>,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = bounded(0);
    std::thread::scope(|scope| {
        for number in 1..=threads.clamp(1, files.len().max(1)) {
            let (sender, next, decode) = (sender.clone(), &next, &decode);
            let thread = std::thread::Builder::new().name(format!("decode {number}"));
            let work = move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((path, header)) = files.get(index) else { break };
                    let span = tracing::trace_span!("decode", file = %path.display()).entered();
                    let frame = decode(path, header);
                    drop(span);
                    // The consumer is gone after an error: stop.
                    if sender.send((index, frame)).is_err() {
                        break;
                    }
                }
            };
            thread.spawn_scoped(scope, work).expect("the system has a thread left");
        }
        drop(sender);
        for (index, frame) in receiver {
            check(interrupt)?;
            let _span = tracing::trace_span!("frame", index).entered();
            consume(index, frame)?;
        }
        Ok(())
    })
}
