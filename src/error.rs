//! Errors of the library: each says what failed, on which file or setting, and what to do.

use std::path::{Path, PathBuf};

/// Result of a fallible nearfar operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, one variant per remedy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be opened, read or written.
    #[error("{}: {action} failed: {source}", path.display())]
    Io {
        /// File or folder concerned.
        path: PathBuf,
        /// What was being done: "reading", "writing", …
        action: &'static str,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// A picture cannot be used.
    #[error("{}: {reason}", path.display())]
    Picture {
        /// The picture.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// An option or argument has no sensible meaning.
    #[error("{0}")]
    Usage(String),
    /// The frames as a whole cannot be processed.
    #[error("{0}")]
    Stack(String),
    /// The compute device cannot do the job.
    #[error("{0}")]
    Device(String),
    /// A camera does not answer or not do what it was told to.
    #[error("{0}")]
    Camera(String),
    /// A camera that may do it later.
    #[error("{0}")]
    CameraBusy(String),
    /// An empty battery or a full card.
    #[error("{0}")]
    Supplies(String),
    /// A camera that does not answer any more.
    #[error("{0}")]
    CameraGone(String),
    /// A camera that fired and gave no picture.
    #[error("{0}")]
    CameraLost(String),
    /// Ctrl-C or SIGTERM.
    #[error("interrupted; nothing half-written was left")]
    Interrupted,
}

impl Error {
    /// Attaches `path` and the action in progress to an [`std::io::Error`].
    pub fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, action, source }
    }

    /// A picture that cannot be used, with the reason.
    pub fn picture(path: &Path, reason: impl Into<String>) -> Self {
        Self::Picture { path: path.to_owned(), reason: reason.into() }
    }
}
