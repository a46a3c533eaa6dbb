//! Exit codes: part of the command line's contract.

use crate::error::Error;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All done.
    Done,
    /// Failed; nothing half-written left.
    Failed,
    /// The command line makes no sense.
    Usage,
    /// Done, with something left out that the output names.
    LeftOut,
    /// Ctrl-C or SIGTERM.
    Interrupted,
}

impl Exit {
    /// The number the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::LeftOut => 3,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl From<&Error> for Exit {
    fn from(error: &Error) -> Self {
        match error {
            Error::Usage(_) => Self::Usage,
            Error::Interrupted => Self::Interrupted,
            Error::Io { source, .. } if source.kind() == std::io::ErrorKind::BrokenPipe => Self::Done,
            _ => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_their_codes() {
        assert_eq!(Exit::from(&Error::Usage(String::new())).code(), 2);
        assert_eq!(Exit::from(&Error::Stack(String::new())).code(), 1);
        assert_eq!(Exit::from(&Error::Interrupted).code(), 130);
        let closed =
            Error::io(std::path::Path::new("stdout"), "writing")(std::io::ErrorKind::BrokenPipe.into());
        assert_eq!(Exit::from(&closed).code(), 0);
    }
}
