//! A temporary folder in which nearfar runs, and what a run came to.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A temporary folder, gone at the end.
pub struct TestEnv {
    folder: TempDir,
}

impl TestEnv {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of the folder; its path.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("inside the folder")).expect("a folder");
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    /// nearfar in this folder, to be given arguments.
    pub fn nearfar(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nearfar"));
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_remove("NEARFAR_LOG").env("NODEVICE_SELECT", "1");
        command
    }

    /// Runs nearfar on the CPU with `args`.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        Run::of(self.nearfar().args(["--device", "cpu"]).args(args))
    }

    /// What lies in `name`, hidden files too; empty if it is not there.
    pub fn list(&self, name: &str) -> Vec<String> {
        list(&self.path(name))
    }
}

/// What lies in `folder`, hidden files too; empty if it is not there.
pub fn list(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A command line that ran.
pub struct Run {
    command: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().expect("nearfar starts");
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        Self {
            command: format!("{command:?}"),
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    #[track_caller]
    fn fail(&self, what: &str) -> ! {
        let Self { command, code, stdout, stderr } = self;
        panic!("{what}\n  {command}\n  exit code {code:?}\n--- stdout\n{stdout}--- stderr\n{stderr}---");
    }

    /// Fails unless it ended with `code`.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        if self.code != Some(code) {
            self.fail(&format!("should exit with {code}"));
        }
        self
    }

    /// Fails unless stderr has each of `parts`, in any case of letters.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Self {
        let talk = self.stderr.to_lowercase();
        for part in parts {
            if !talk.contains(&part.to_lowercase()) {
                self.fail(&format!("stderr should say {part:?}"));
            }
        }
        self
    }

    /// Fails unless stderr is empty.
    #[track_caller]
    pub fn silent(self) -> Self {
        if !self.stderr.is_empty() {
            self.fail("stderr should be empty");
        }
        self
    }

    /// Fails unless stdout is empty and stderr one error.
    #[track_caller]
    pub fn refuses(self) -> Self {
        if !self.stdout.is_empty() {
            self.fail("stdout should be empty");
        }
        if self.stderr.matches("error:").count() != 1 || self.stderr.contains("panicked") {
            self.fail("stderr should hold one error");
        }
        self
    }

    /// The one JSON object on stdout.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_str(&self.stdout) {
            Ok(value @ Value::Object(_)) => value,
            _ => self.fail("stdout should be one JSON object"),
        }
    }
}

#[test]
#[should_panic(expected = "should exit with 0")]
fn a_wrong_exit_code_is_seen() {
    TestEnv::new().run(["nonsense"]).exits(0);
}

#[test]
#[should_panic(expected = "stderr should say")]
fn a_missing_word_is_seen() {
    TestEnv::new().run(["nonsense"]).says(&["no such word"]);
}

#[test]
#[should_panic(expected = "one JSON object")]
fn text_is_no_json() {
    TestEnv::new().run(["--help"]).json();
}
