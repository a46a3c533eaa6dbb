//! What the stages tell: words on stderr, and on request a trace of what every thread did when.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use tracing_chrome::{ChromeLayerBuilder, FlushGuard};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::error::{Error, Result};

/// Starts the log; the trace, if one is asked for, ends when what is returned goes.
///
/// # Errors
/// [`Error::Io`] if the trace cannot be made, [`Error::Usage`] if something else is there.
pub fn start(verbose: u8, trace: Option<&Path>) -> Result<Option<FlushGuard>> {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter =
        EnvFilter::try_from_env("NEARFAR_LOG").unwrap_or_else(|_| EnvFilter::new(format!("nearfar={level}")));
    let words = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .without_time()
        .with_filter(filter);
    let (spans, guard) = trace.map(spans).transpose()?.unzip();
    // Fails only if a subscriber is set already, which tests in one process do.
    let _ = tracing_subscriber::registry().with(words).with(spans).try_init();
    Ok(guard)
}

/// Writes spans in Chrome's trace format to `path`.
fn spans<S>(path: &Path) -> Result<(impl Layer<S>, FlushGuard)>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    // Photos and maps are never overwritten by a slip of the hand; an older trace may go.
    if path.is_file() && !is_trace(path).map_err(Error::io(path, "looking whether it is a trace"))? {
        let path = path.display();
        return Err(Error::Usage(format!(
            "--trace {path}: is there already and is no trace; name another file"
        )));
    }
    let file = File::create(path).map_err(Error::io(path, "making the trace"))?;
    let file = TraceFile { path: path.to_owned(), file: Some(file) };
    let (layer, guard) = ChromeLayerBuilder::new().writer(BufWriter::new(file)).include_args(true).build();
    let ours = filter_fn(|metadata| metadata.is_span() && metadata.target().starts_with("nearfar"));
    Ok((layer.with_filter(ours), guard))
}

/// Whether a file is empty or starts as a trace does.
fn is_trace(path: &Path) -> std::io::Result<bool> {
    let mut start = Vec::new();
    File::open(path)?.take(3).read_to_end(&mut start)?;
    Ok(start.is_empty() || start == b"[\n{")
}

/// A trace being written. It is for looking at: a full disk ends the trace, and not the job.
struct TraceFile {
    path: PathBuf,
    file: Option<File>,
}

impl Write for TraceFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if let Some(Err(error)) = self.file.as_mut().map(|file| file.write_all(bytes)) {
            eprintln!("warning: {}: writing the trace: {error}; it ends here", self.path.display());
            self.file = None;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
