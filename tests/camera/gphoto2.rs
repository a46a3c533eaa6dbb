//! A body in this process, and the real `gphoto2` that connects to it.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nearfar::frame::Size;
use nearfar::simulate::{
    BodyKind, BodySettings, BodyState, Lens, SceneKind, Server, ShotTaken, Subject, View,
};
use tempfile::TempDir;

/// Nothing takes longer than libgphoto2's own longest wait, 38 s for a picture that does not come.
const LIMIT: Duration = Duration::from_secs(50);
/// Pixels of a photo: small, so that a loaded machine renders them in time.
pub const SIZE: Size = Size::new(600, 400);
/// Points of the scene with texture, at different depths, and one on the plain wall, as fractions.
pub const TEXTURED: [[f32; 2]; 3] = [[0.20, 0.60], [0.47, 0.52], [0.51, 0.86]];
pub const PLAIN: [f32; 2] = [0.50, 0.10];

/// Which `gphoto2` to run.
#[derive(Clone, Copy)]
pub enum Which {
    /// The system's.
    System,
    /// One whose libgphoto2 can set AF points.
    AfPoint,
}

/// A body, and a folder for what is downloaded from it.
pub struct Camera {
    pub server: Server,
    home: TempDir,
}

/// What a command came to.
#[derive(Debug)]
pub struct Done {
    pub succeeded: bool,
    /// Both stdout and stderr.
    pub text: String,
    pub took: Duration,
}

impl Camera {
    pub fn new(body: BodyKind, faults: &[&str]) -> Self {
        let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
        Self::with(BodySettings { body, faults, ..BodySettings::default() })
    }

    pub fn with(settings: BodySettings) -> Self {
        static VIEW: OnceLock<View> = OnceLock::new();
        let view = VIEW.get_or_init(|| {
            let subject = Subject::Painted { kind: SceneKind::Desk, size: SIZE, seed: 2 };
            View::new(&subject, Lens { coc_px: 24.0, breathing: 0.02 }).unwrap()
        });
        let server = Server::start(0, view.clone(), settings).unwrap();
        Self { server, home: tempfile::tempdir().unwrap() }
    }

    /// Runs the system's gphoto2, which must succeed; what it says.
    #[track_caller]
    pub fn gphoto2(&self, args: &[&str]) -> String {
        self.run(Which::System, args).succeeds()
    }

    pub fn run(&self, which: Which, args: &[&str]) -> Done {
        let mut command = match which {
            Which::System => Command::new("gphoto2"),
            Which::AfPoint => af_point_gphoto2(),
        };
        command.args(["--port", &self.server.port_string()]).args(args);
        self.finish(command)
    }

    /// A file in the folder that gphoto2 downloads to.
    pub fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The downloaded files.
    pub fn files(&self) -> Vec<String> {
        let mut names = crate::cli::testenv::list(self.home.path());
        // Newer versions name them as the body does, in capitals.
        names.retain(|name| name.to_lowercase().ends_with(".jpg") || name.to_lowercase().ends_with(".arw"));
        names
    }

    pub fn shots(&self) -> Vec<ShotTaken> {
        self.server.state().shots
    }

    /// Waits for the body to come to a state.
    #[track_caller]
    pub fn wait_until(&self, what: &str, reached: impl Fn(&BodyState) -> bool) {
        let deadline = Instant::now() + LIMIT;
        while !reached(&self.server.state()) {
            assert!(Instant::now() < deadline, "never {what}: {:?}", self.server.state());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Runs a command in the folder, with a home of its own and a limit on its time.
    pub fn finish(&self, mut command: Command) -> Done {
        let start = Instant::now();
        let talk = self.file("talk.txt");
        let out = File::create(&talk).unwrap();
        command.current_dir(self.home.path()).env("HOME", self.home.path()).env("LC_ALL", "C");
        command.env("XDG_CONFIG_HOME", self.home.path()).stdin(Stdio::null());
        command.stdout(out.try_clone().unwrap()).stderr(out);
        let mut child = command.spawn().unwrap();
        let succeeded = wait(&mut child, LIMIT);
        let text = std::fs::read_to_string(&talk).unwrap_or_default();
        let succeeded = succeeded.unwrap_or_else(|| panic!("{command:?} hangs; so far it said:\n{text}"));
        Done { succeeded, text, took: start.elapsed() }
    }
}

impl Done {
    /// What it said; it must have succeeded.
    #[track_caller]
    pub fn succeeds(self) -> String {
        assert!(!self.failed(), "{self:#?}");
        self.text
    }

    /// What it said; it must have failed.
    #[track_caller]
    pub fn fails(self) -> String {
        assert!(self.failed(), "{self:#?}");
        self.text
    }

    /// Its exit code alone does not tell: a shot that was refused may end with 0.
    pub fn failed(&self) -> bool {
        !self.succeeded || ["*** Error", "ERROR:"].iter().any(|word| self.text.contains(word))
    }
}

/// Whether the child succeeded; none if it had to be killed after `limit`.
pub fn wait(child: &mut Child, limit: Duration) -> Option<bool> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status.success());
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A `gphoto2` whose libgphoto2 can set AF points.
pub fn af_point_gphoto2() -> Command {
    match option_env!("NEARFAR_LIBGPHOTO2_RUN").map(PathBuf::from) {
        Some(run) => {
            let program = run.with_file_name("usr/bin/gphoto2");
            let mut command = Command::new(run);
            command.arg(program);
            command
        }
        None => Command::new("gphoto2"),
    }
}

/// The `Current:` line of a `--get-config`.
#[track_caller]
pub fn current(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("Current: ")).unwrap_or_else(|| panic!("{text}"))
}

/// A point as libgphoto2's spotfocusarea takes it.
pub fn spot([x, y]: [f32; 2]) -> String {
    format!("spotfocusarea={},{}", (x * 640.0) as u32, (y * 480.0) as u32)
}
