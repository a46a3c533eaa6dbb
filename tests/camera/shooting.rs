//! `nearfar shoot`, `scan` and `capture` on each body, through the real libgphoto2, held against the truth.

use std::fs::read_to_string;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nearfar::frame::Size;
use nearfar::simulate::{
    BodyKind, BodySettings, Lens, Scene, SceneKind, Server, ShotTaken, Subject, Truth, View, truth,
};
use serde_json::Value;
use tempfile::TempDir;

use super::gphoto2::{Which, wait};

/// A scene before a body, and the folder of a session.
pub struct Stage {
    pub server: Server,
    pub lens: Lens,
    home: TempDir,
    which: Which,
    kind: SceneKind,
    settings: BodySettings,
    scene: Scene,
    pub sharp: Truth,
    near: [f32; 2],
    far: [f32; 2],
    /// Inverse depth of what lies around them.
    depths: [f32; 2],
}

/// Pixels of a photo.
const SIZE: Size = Size::new(1500, 1000);
/// Circle of confusion in pixels of the far end when focused near.
const COC: f32 = 40.0;
const LIMIT: Duration = Duration::from_secs(240);

impl Stage {
    /// What `coc_px` is to [`Lens`]; the scene has the seed of `settings`.
    pub fn new(settings: BodySettings, kind: SceneKind, size: Size, coc_px: f32) -> Self {
        let BodySettings { body, seed, .. } = settings;
        let lens = Lens { coc_px, breathing: 0.02 };
        let view = View::new(&Subject::Painted { kind, size, seed }, lens).unwrap();
        let scene = Scene::generate(kind, size, seed);
        let sharp = truth(&scene, &[1.0, 0.0]);
        let [(near_depth, near), (far_depth, far)] = ends(&scene, &sharp);
        let depths = [near_depth, far_depth];
        let server = Server::start(0, view, settings.clone()).unwrap();
        let which = if body == BodyKind::New { Which::AfPoint } else { Which::System };
        let home = tempfile::tempdir().unwrap();
        Self { server, lens, home, which, kind, settings, scene, sharp, near, far, depths }
    }

    /// Puts the camera before the scene of another seed: another body on another port.
    pub fn move_to(&mut self, seed: u64) {
        let Self { kind, settings, scene, lens, .. } = self;
        let subject = Subject::Painted { kind: *kind, size: scene.size(), seed };
        let view = View::new(&subject, *lens).unwrap();
        self.server = Server::start(0, view, settings.clone()).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The program, on the library that the body needs.
    pub fn nearfar(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nearfar"));
        if let (Which::AfPoint, Some(run)) = (self.which, option_env!("NEARFAR_LIBGPHOTO2_RUN")) {
            command = Command::new(run);
            command.arg(env!("CARGO_BIN_EXE_nearfar"));
        }
        command
            .current_dir(self.home.path())
            .env("HOME", self.home.path())
            .env("XDG_CONFIG_HOME", self.home.path());
        command.args(["--json", "--device", "cpu"]).stdin(Stdio::null());
        command
    }

    /// The whole job into the folder `session`.
    pub fn shoot(&self, steps: usize) -> Command {
        let mut command = self.shoot_with(&["--camera", &self.server.port_string()]);
        command.args(["-n", &steps.to_string()]);
        command
    }

    /// The same with the camera that `args` name, without a number of steps.
    pub fn shoot_with(&self, args: &[&str]) -> Command {
        let mut command = self.job_into_session("shoot");
        command.args(args);
        command
    }

    /// The scan alone, of at most `most` photos, into the folder `session`.
    pub fn scan(&self, most: usize) -> Command {
        let mut command = self.job_into_session("scan");
        command.args(["--camera", &self.server.port_string(), "--max-frames", &most.to_string()]);
        command
    }

    fn job_into_session(&self, name: &str) -> Command {
        let mut command = self.nearfar();
        let point = |p: [f32; 2]| format!("{},{}", p[0], p[1]);
        command.args([name, "-o", "session", "--near", &point(self.near), "--far", &point(self.far)]);
        command
    }

    pub fn start(&self, command: &mut Command) -> Child {
        let out = std::fs::File::create(self.path("out.txt")).unwrap();
        let err = std::fs::File::create(self.path("err.txt")).unwrap();
        command.stdout(out).stderr(err).spawn().unwrap()
    }

    /// Runs it to its end: exit code, stdout, stderr.
    #[track_caller]
    pub fn run(&self, mut command: Command) -> (i32, String, String) {
        let mut child = self.start(&mut command);
        let ended = wait(&mut child, LIMIT);
        let text = |name: &str| std::fs::read_to_string(self.path(name)).unwrap_or_default();
        assert!(ended.is_some(), "{command:?} hangs: {}{}", text("out.txt"), text("err.txt"));
        (child.wait().unwrap().code().unwrap_or(-1), text("out.txt"), text("err.txt"))
    }

    pub fn session(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.path("session/session.json")).unwrap()).unwrap()
    }

    /// Photos of a stage, as written down.
    pub fn shots(&self, stage: &str) -> Vec<Value> {
        let session = self.session();
        let shots = session["shots"].as_array().unwrap();
        shots.iter().filter(|shot| shot["stage"] == stage).cloned().collect()
    }

    pub fn truth(&self) -> Vec<ShotTaken> {
        self.server.state().shots
    }

    /// The body's focus mode: 1 manual, 2 automatic.
    pub fn focus_mode(&self) -> i64 {
        self.server.state().focus_mode
    }

    /// Every photo that the body took, but for those it lost, lies in the session, once, and nothing else.
    #[track_caller]
    pub fn assert_nothing_lost_or_doubled(&self, lost: usize) {
        let session = self.session();
        assert!(session.get("pending").is_none(), "{session:#}");
        let mut files: Vec<String> = session["shots"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|shot| shot["files"].as_array().unwrap().iter().map(|f| f.as_str().unwrap().to_owned()))
            .collect();
        files.sort();
        let mut there: Vec<String> = ["scan", "stack"]
            .iter()
            .flat_map(|folder| {
                let names = crate::cli::testenv::list(&self.path("session").join(folder));
                names.into_iter().map(move |name| format!("{folder}/{name}"))
            })
            .collect();
        there.sort();
        assert_eq!(files, there);
        let focus: Vec<f32> = self.truth().iter().map(|shot| shot.focus).collect();
        let photos = files.iter().filter(|file| file.ends_with(".jpg")).count();
        assert_eq!(photos + lost, focus.len(), "{focus:.3?} {:#}", session["shots"]);
    }

    /// Misses and gaps of the stack's photos, in steps, by the truth.
    pub fn stack_quality(&self, steps: usize) -> (f64, f64) {
        let scan = self.shots("scan").len();
        let truth = self.truth();
        let [near, far] = self.depths.map(f64::from);
        let gap = (near - far) / (steps - 1) as f64;
        let shots = self.shots("stack");
        let focus = |step: usize| -> f64 {
            let target = near - gap * step as f64;
            let of_step = shots.iter().enumerate().filter(|(_, shot)| shot["step"] == step);
            let found = of_step.map(|(index, _)| f64::from(truth[scan + index].focus));
            found.min_by(|a, b| (a - target).abs().total_cmp(&(b - target).abs())).unwrap()
        };
        let focus: Vec<f64> = (0..steps).map(focus).collect();
        let miss = |(step, at): (usize, &f64)| (at - (near - gap * step as f64)).abs() / gap;
        let mean = focus.iter().enumerate().map(miss).sum::<f64>() / steps as f64;
        let widest = focus.windows(2).map(|pair| (pair[0] - pair[1]).abs() / gap).fold(0.0, f64::max);
        (mean, widest)
    }

    /// Every photo of the stack: step, target and achieved depth, and the truth in steps.
    fn print_details(&self) {
        let scan = self.shots("scan");
        let truth = self.truth();
        let [near, far] = self.depths;
        let steps = |focus: f32| 8.0 * (near - focus) / (near - far);
        let of_scan: Vec<String> =
            truth[..scan.len()].iter().map(|t| format!("{:.2}", steps(t.focus))).collect();
        println!("{}", self.session()["scan_ended"]);
        println!("near {near:.3} far {far:.3}; scan, in steps: {}", of_scan.join(" "));
        for (shot, truth) in self.shots("stack").iter().zip(&truth[scan.len()..]) {
            println!(
                "  {} target {:.2} achieved {:.2} true {:.2} {}",
                shot["step"],
                shot["target_depth"],
                shot["achieved_depth"],
                steps(truth.focus),
                shot["af_point"]
            );
        }
        let map: Value =
            serde_json::from_str(&std::fs::read_to_string(self.path("session/map.json")).unwrap()).unwrap();
        println!("{} {} {}", map["clusters"], map["left_out"], map["level_positions"]);
    }

    /// Share of the textured pixels between both ends that some photo of the scan shows within `coc` pixels.
    pub fn scan_coverage(&self, coc: f32) -> f64 {
        self.coverage(&self.truth()[..self.shots("scan").len()], coc)
    }

    /// The same of the stack.
    pub fn stack_coverage(&self, coc: f32) -> f64 {
        self.coverage(&self.truth()[self.shots("scan").len()..], coc)
    }

    fn coverage(&self, shots: &[ShotTaken], coc: f32) -> f64 {
        let focus: Vec<f32> = shots.iter().map(|shot| shot.focus).collect();
        let [near, far] = self.depths;
        let (mut seen, mut all) = (0, 0);
        for (depth, textured) in self.scene.inverse_depth().data.iter().zip(&self.sharp.textured.data) {
            if *textured && (far..=near).contains(depth) {
                all += 1;
                seen += usize::from(focus.iter().any(|f| (f - depth).abs() * self.lens.coc_px <= coc));
            }
        }
        f64::from(seen as u32) / f64::from(all.max(1))
    }
}

/// The nearest and the farthest spot that is textured and lies at one depth, as a photographer would name them.
fn ends(scene: &Scene, sharp: &Truth) -> [(f32, [f32; 2]); 2] {
    let (depth, size) = (scene.inverse_depth(), scene.size());
    let side = size.width as usize / 32;
    let mut spots: Vec<(f32, [f32; 2])> = Vec::new();
    for top in (side..size.height as usize - 2 * side).step_by(side / 2) {
        for left in (side..size.width as usize - 2 * side).step_by(side / 2) {
            let inside = (top..top + side).flat_map(|y| (left..left + side).map(move |x| (x, y)));
            let at = |(x, y): (usize, usize)| y * size.width as usize + x;
            let textured = inside.clone().filter(|&p| sharp.textured.data[at(p)]).count();
            let mean = inside.clone().map(|p| depth.data[at(p)]).sum::<f32>() / (side * side) as f32;
            let range = inside.clone().map(|p| depth.data[at(p)]);
            let (low, high) = range.fold((f32::MAX, f32::MIN), |(low, high), d| (low.min(d), high.max(d)));
            if textured * 10 >= 9 * side * side && high - low < 0.06 {
                let middle = |from: usize, all: u32| (from + side / 2) as f32 / all as f32;
                spots.push((mean, [middle(left, size.width), middle(top, size.height)]));
            }
        }
    }
    spots.sort_by(|a, b| b.0.total_cmp(&a.0));
    [spots[0], spots[spots.len() - 1]]
}

fn scene_name(kind: SceneKind) -> &'static str {
    match kind {
        SceneKind::Macro => "macro",
        SceneKind::Desk => "desk",
    }
}

/// One whole job; what it came to by the truth.
fn job(body: BodyKind, kind: SceneKind, seed: u64, size: Size, coc: f32) -> [f64; 5] {
    let stage = Stage::new(BodySettings { body, seed, ..BodySettings::default() }, kind, size, coc);
    let start = Instant::now();
    let (code, out, err) = stage.run(stage.shoot(9));
    let took = start.elapsed().as_secs_f64();
    assert_eq!(code, 0, "{body} {} {seed}: {out}{err}", scene_name(kind));
    let (mean, widest) = stage.stack_quality(9);
    if std::env::var("DETAILS").is_ok() {
        stage.print_details();
        println!("{out}{err}");
    }
    let photos = stage.shots("scan").len() as f64;
    let coverage = stage.scan_coverage(1.5);
    let other: Vec<f64> = ["scan", "stack"]
        .iter()
        .flat_map(|part| stage.shots(part))
        .map(|shot| shot["took_ms"]["other"].as_f64().unwrap())
        .collect();
    let other = other.iter().sum::<f64>() / other.len() as f64;
    println!(
        "{body} {:5} {seed}: mean miss {mean:.3}, widest gap {widest:.2}, scan {photos} photos cover {coverage:.4} ({}), {} \
         stack photos, {other:.0} ms a shot, {took:.1} s",
        scene_name(kind),
        stage.session()["scan_ended"].as_str().unwrap(),
        stage.shots("stack").len(),
    );
    [mean, widest, photos, coverage, other]
}

/// The bars of a session of nine steps, but for time, which other tests that run beside would take.
#[track_caller]
fn assert_bars([mean, widest, photos, coverage, _]: [f64; 5]) {
    assert!(mean <= 0.25 && widest <= 1.6, "{mean} {widest}");
    assert!(photos <= 25.0 && coverage >= 0.99, "{photos} {coverage}");
}

#[test]
fn the_whole_job_on_an_old_body() {
    assert_bars(job(BodyKind::Old, SceneKind::Macro, 1, SIZE, COC));
}

/// The body tells how far it is focused, from 0.3 m to 3 m: the map's levels know it in dioptres.
#[test]
#[cfg_attr(not(af_point_gphoto2), ignore = "needs libgphoto2 2.5.32: tests/newer-libgphoto2.sh")]
fn what_the_body_tells_of_distance_makes_dioptres() {
    let settings = BodySettings { body: BodyKind::New, seed: 1, ..BodySettings::default() };
    let stage = Stage::new(settings, SceneKind::Macro, Size::new(540, 360), 14.0);
    let (code, out, err) = stage.run(stage.scan(30));
    assert_eq!(code, 0, "{out}{err}");
    let map: Value = serde_json::from_str(&read_to_string(stage.path("session/map.json")).unwrap()).unwrap();
    let (levels, shots) = (map["clusters"].as_array().unwrap(), stage.shots("scan"));
    let told = map["level_dioptres"].as_array().unwrap();
    assert!(told.len() == levels.len() && told.len() > 2, "{map:#}");
    for (level, told) in levels.iter().zip(told) {
        let at = shots.iter().position(|shot| shot["files"].as_array().unwrap().contains(&level[0])).unwrap();
        let [near, far] = [1.0 / 0.3, 1.0 / 3.0];
        let truth = far + f64::from(stage.truth()[at].focus) * (near - far);
        assert!((told.as_f64().unwrap() - truth).abs() < 0.15, "{} is at {truth:.3}, not {told}", level[0]);
    }
}

#[test]
#[cfg_attr(not(af_point_gphoto2), ignore = "needs libgphoto2 2.5.32: tests/newer-libgphoto2.sh")]
fn the_whole_job_on_a_new_body() {
    assert_bars(job(BodyKind::New, SceneKind::Desk, 2, SIZE, COC));
}

/// The bars on every scene and body: minutes.
#[test]
#[ignore = "measures for minutes: cargo test --release -- --ignored --nocapture bars_of_shoot"]
fn bars_of_shoot() {
    let bodies = std::env::var("BODIES").unwrap_or("new old".into());
    let seeds = std::env::var("SEEDS").unwrap_or("1 2 3 4 5".into());
    let mut failed = 0;
    for body in bodies.split(' ').map(|body| body.parse::<BodyKind>().unwrap()) {
        for kind in [SceneKind::Macro, SceneKind::Desk] {
            for seed in seeds.split(' ').map(|seed| seed.parse().unwrap()) {
                let [mean, widest, photos, coverage, other] = job(body, kind, seed, SIZE, COC);
                let good =
                    mean <= 0.25 && widest <= 1.6 && photos <= 25.0 && coverage >= 0.99 && other <= 150.0;
                failed += u32::from(!good);
            }
        }
    }
    assert_eq!(failed, 0);
}

/// From the last photo of the scan to the plan, at 24 MP: the map is computed while the scan goes on. Autofocuses that
/// find no new level are part of the scan.
#[test]
#[ignore = "measures for minutes: cargo test --release -- --ignored --nocapture plan_follows"]
fn the_plan_follows_the_last_photo_of_the_scan_at_once() {
    let bodies: &[BodyKind] =
        if cfg!(af_point_gphoto2) { &[BodyKind::Old, BodyKind::New] } else { &[BodyKind::Old] };
    for &body in bodies {
        let settings = BodySettings { body, seed: 1, ..BodySettings::default() };
        let stage = Stage::new(settings, SceneKind::Macro, Size::new(6000, 4000), 160.0);
        let mut child = stage.start(&mut stage.shoot(3));
        let (mut photos, mut photographed, mut moved) = (0, Instant::now(), Instant::now());
        while !stage.path("session/plan.json").exists() {
            assert!(
                child.try_wait().unwrap().is_none(),
                "{}",
                read_to_string(stage.path("err.txt")).unwrap()
            );
            if stage.server.state().lens_moves {
                moved = Instant::now();
            }
            let safe = std::fs::read_dir(stage.path("session/scan")).map_or(0, Iterator::count);
            if safe > photos {
                (photos, photographed) = (safe, Instant::now());
            }
            sleep(Duration::from_millis(2));
        }
        let took = [photographed, moved].map(|since| since.elapsed().as_secs_f64());
        let own = if body == BodyKind::New { took[1].min(took[0]) } else { took[0] };
        println!(
            "{body}: {:.2} s from the last of {photos} photos of 24 MP to the plan, {own:.2} s after the last autofocus",
            took[0]
        );
        assert!(own < 3.0, "{own}");
        assert!(wait(&mut child, LIMIT).is_some_and(|succeeded| succeeded));
    }
}
