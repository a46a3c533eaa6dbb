//! stdout is data, stderr is talk.

use std::io::{IsTerminal, Write};
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::error::{Error, Result};

/// Where words, progress and results go.
pub struct Talk {
    json: bool,
    quiet: bool,
    bar: ProgressBar,
}

impl Talk {
    pub fn new(json: bool, quiet: bool) -> Self {
        let hidden = quiet || !std::io::stderr().is_terminal();
        let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template("{msg:>10} {bar:32} {pos}/{len}  {per_sec:>9}  {eta} left");
        bar.set_style(style.expect("the template is a constant that is tested"));
        Self { json, quiet, bar }
    }

    /// Shows how far a stage is.
    pub fn progress(&self, stage: &'static str, done: usize, total: usize) {
        if self.bar.message() != stage {
            self.bar.reset();
            self.bar.set_message(stage);
        }
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
    }

    /// A sentence for people, on stderr.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            self.ask(text);
        }
    }

    /// A sentence for people who are to do something, on stderr even when quiet.
    pub fn ask(&self, text: &str) {
        self.bar.suspend(|| say(text));
    }

    /// Something that happened: a line of JSON on stdout under --json, else `text` on stderr.
    pub fn event<T: serde::Serialize>(&self, value: &T, text: &str) {
        if !self.json {
            return self.say(text);
        }
        // Where nobody reads it any more, work goes on.
        if let Ok(json) = serde_json::to_string(value) {
            let _ = writeln!(std::io::stdout(), "{json}");
        }
    }

    /// Something that people should know of, on stderr even when quiet.
    pub fn warn(&self, text: &str) {
        self.ask(&format!("warning: {text}"));
    }

    /// The error that ends the command.
    pub fn error(&self, error: &Error) {
        self.bar.finish_and_clear();
        say(&format!("error: {error}{}", remedy(error)));
    }

    /// The result: `value` as JSON under --json, else `text`, on stdout.
    pub fn result<T: serde::Serialize>(&self, value: &T, text: &str) -> Result<()> {
        self.bar.finish_and_clear();
        let stdout = Path::new("stdout");
        let mut out = std::io::stdout().lock();
        if self.json {
            let json = serde_json::to_string(value)
                .map_err(std::io::Error::from)
                .map_err(Error::io(stdout, "writing"))?;
            writeln!(out, "{json}").map_err(Error::io(stdout, "writing"))
        } else if self.quiet {
            Ok(())
        } else {
            writeln!(out, "{text}").map_err(Error::io(stdout, "writing"))
        }
    }
}

/// A line on stderr; where nobody reads it any more, work goes on.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// What to do about a file that the system refuses: its own words say only what it refuses.
fn remedy(error: &Error) -> &'static str {
    use std::io::ErrorKind as Kind;
    let Error::Io { source, action, .. } = error else { return "" };
    match source.kind() {
        Kind::StorageFull | Kind::QuotaExceeded => "; free some space, or take a folder on another disk",
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem => "; take a folder that you may write to",
        Kind::NotFound | Kind::NotADirectory => "; check the path, or take another folder",
        Kind::AddrInUse => "; take another --port, or 0 for any that is free",
        // Encoders pass the system's words on, not its kind of error.
        _ if *action == "writing" => "; free some space on this disk, or take a folder on another",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn progress_template_is_valid() {
        super::Talk::new(false, true).progress("decode", 1, 2);
    }

    #[test]
    fn the_system_s_refusals_have_a_remedy() {
        let error =
            crate::error::Error::io("map".as_ref(), "writing")(std::io::ErrorKind::StorageFull.into());
        assert!(super::remedy(&error).contains("free some space"));
    }
}
