//! What `scan`, `capture` and `shoot` have in common: the camera, the session's folder, what is told.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{atomic::Ordering, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::plan::SharpArgs;
use super::{INTERRUPT, Talk};
use crate::camera::{self, Attended, Camera, Condition, Point, Strategy, Tethered};
use crate::error::{Error, Result};
use crate::frame::Size;
use crate::session::{
    Asked, Crew, Event, LOCK, NAME, Readiness, ScanOptions, SessionFile, Shot, Stage, changed,
    clear_leftovers, readiness,
};
use crate::simulate::{BodyKind, BodySettings, Fault, Lens, SceneKind, Server, Subject, View};

/// The camera, and how it is driven.
#[derive(Debug, clap::Args)]
pub(super) struct CameraArgs {
    /// auto (the one on USB), a port of libgphoto2, or sim
    ///
    /// sim is a simulated Sony body in this program, which is talked to through libgphoto2 like a real one.
    #[arg(long, value_name = "auto|PORT|sim", default_value = "auto", hide_default_value = true)]
    camera: String,
    /// The photographer focuses and shoots; nearfar says where, and takes the photos from --watch
    #[arg(long, requires = "watch")]
    manual: bool,
    /// With --manual: the folder that the camera's photos appear in
    #[arg(long, value_name = "DIR", requires = "manual")]
    watch: Option<PathBuf>,
    /// Rest before each photo in milliseconds, for vibration to die down
    #[arg(long, value_name = "MS", default_value_t = 0)]
    settle: u32,
    /// Rest after each photo in milliseconds, for a flash to charge
    #[arg(long, value_name = "MS", default_value_t = 0)]
    flash: u32,
    /// Only say what would be photographed, and how long it would take
    #[arg(long)]
    dry_run: bool,
    /// Go on even if the camera's settings or the scene are not those of the session so far
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    sim: SimArgs,
}

/// The simulated body of --camera sim.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "With --camera sim")]
struct SimArgs {
    /// new, old or bare
    #[arg(long, value_name = "BODY", default_value_t = BodyKind::New)]
    sim_body: BodyKind,
    /// macro or desk
    #[arg(long, value_name = "SCENE", default_value_t = SceneKind::Macro)]
    sim_scene: SceneKind,
    /// Pixels of a photo
    #[arg(long, value_name = "WxH", default_value = "1500x1000", value_parser = super::simulate::size)]
    sim_size: Size,
    /// Circle of confusion in pixels of the far end when focused near
    #[arg(long, value_name = "PX", default_value_t = 40.0)]
    sim_coc: f32,
    /// Decides the scene
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    sim_seed: u64,
    /// What goes wrong; see simulate --fault
    #[arg(long, value_name = "FAULT[@SHOT]")]
    sim_fault: Vec<Fault>,
}

/// How to scan.
#[derive(Debug, clap::Args)]
pub(super) struct ScanArgs {
    /// Photos of the scan at the most
    #[arg(long, value_name = "N", default_value_t = ScanOptions::default().max_photos)]
    max_frames: usize,
}

impl ScanArgs {
    pub(super) fn options(&self, sharp: &SharpArgs) -> Result<ScanOptions> {
        let usual = ScanOptions::default();
        let (overlap, coc_px) = (sharp.overlap.unwrap_or(usual.overlap), sharp.coc.unwrap_or(usual.coc_px));
        if !(3..=999).contains(&self.max_frames) {
            return Err(Error::Usage(format!("--max-frames {}: 3 to 999", self.max_frames)));
        }
        if !(0.0..=0.8).contains(&overlap) {
            return Err(Error::Usage(format!("--overlap {overlap}: a share from 0 to 0.8")));
        }
        if !(0.3..=50.0).contains(&coc_px) {
            return Err(Error::Usage(format!("--coc {coc_px}: pixels from 0.3 to 50")));
        }
        Ok(ScanOptions { max_photos: self.max_frames, overlap, coc_px })
    }
}

/// Reads a point: X,Y in fractions of the picture.
pub(super) fn point(typed: &str) -> Result<Point, String> {
    let numbers =
        typed.split_once(',').and_then(|(x, y)| Some([x.trim().parse().ok()?, y.trim().parse().ok()?]));
    let inside = |point: &Point| point.iter().all(|at| (0.0..=1.0).contains(at));
    numbers
        .filter(inside)
        .ok_or_else(|| "X,Y in fractions of the picture, 0,0 top left to 1,1 bottom right".into())
}

/// Refuses one point for both ends.
pub(super) fn check_ends(near: Option<Point>, far: Option<Point>) -> Result<()> {
    if near.is_some() && near == far {
        let text = "--near and --far are the same: name two points at different distances";
        return Err(Error::Usage(text.to_owned()));
    }
    Ok(())
}

/// The body of --camera sim, switched on.
pub(super) struct Body(Option<Server>);

impl CameraArgs {
    /// Switches the simulated body on, if it is asked for.
    pub(super) fn body(&self, talk: &Talk) -> Result<Body> {
        if self.camera != "sim" || self.manual {
            return Ok(Body(None));
        }
        let SimArgs { sim_body, sim_scene, sim_size, sim_coc, sim_seed, ref sim_fault } = self.sim;
        talk.say(&format!(
            "simulating a Sony body ({sim_body}) before a {sim_scene} scene of {sim_size} pixels"
        ));
        let subject = Subject::Painted { kind: sim_scene, size: sim_size, seed: sim_seed };
        let view = View::new(&subject, Lens { coc_px: sim_coc, ..Lens::default() })?;
        let settings = BodySettings {
            body: sim_body,
            faults: sim_fault.clone(),
            seed: sim_seed,
            ..BodySettings::default()
        };
        Ok(Body(Some(Server::start(0, view, settings)?)))
    }

    /// Opens the camera, for the session in `folder`.
    pub(super) fn open<'a>(
        &self,
        body: &Body,
        folder: &Path,
        say: &'a (dyn Fn(&str) + Sync),
    ) -> Result<Box<dyn Camera + 'a>> {
        if let (true, Some(watched)) = (self.manual, &self.watch) {
            // What came after a session was last written is the photo that it asked for then.
            let written = std::fs::metadata(folder.join(NAME)).and_then(|data| data.modified());
            let taken: Vec<PathBuf> = ["scan", "stack"]
                .iter()
                .filter_map(|part| std::fs::read_dir(folder.join(part)).ok())
                .flatten()
                .filter_map(|entry| Some(entry.ok()?.path()))
                .collect();
            return Ok(Box::new(Attended::new(watched, written.ok(), &taken, say, &INTERRUPT)?));
        }
        let port = match (&body.0, self.camera.as_str()) {
            (Some(server), _) => server.port_string(),
            (None, "auto") => only_one()?,
            (None, port) => port.to_owned(),
        };
        let rest = |ms: u32| Duration::from_millis(ms.into());
        let camera = Tethered::open(&port, rest(self.settle), rest(self.flash))?;
        if camera.strategy() == Strategy::Manual {
            return Err(Error::Camera(format!(
                "{} cannot be focused by program: {}; use --manual --watch DIR: focus and shoot yourself where nearfar \
                 says",
                camera.model(),
                camera.capabilities().why(camera::library_version())
            )));
        }
        Ok(Box::new(camera))
    }

    pub(super) fn dry_run(&self) -> bool {
        self.dry_run
    }
}

/// Whether to go on though something changed: said beforehand by `yes`, or asked for now. Nobody to ask means no.
fn may_go_on(yes: bool, question: &str) -> Result<bool> {
    if yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(false);
    }
    let _ = write!(std::io::stderr(), "{question} Go on all the same? [y/N] ");
    // In a thread of its own: a Ctrl-C does not end the reading.
    let (send, answer) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let _ = std::io::stdin().read_line(&mut line);
        let _ = send.send(line);
    });
    loop {
        if INTERRUPT.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        if let Ok(answer) = answer.recv_timeout(Duration::from_millis(100)) {
            return Ok(answer.trim().eq_ignore_ascii_case("y"));
        }
    }
}

/// The port of the one camera on USB.
fn only_one() -> Result<String> {
    let found = camera::connected()?;
    match &found[..] {
        [camera] => Ok(camera.port.clone()),
        [] => Err(Error::Camera(
            "no camera found on USB: switch it on and set it to PC Remote; name one on a network by --camera PORT, or try \
             --camera sim"
                .into(),
        )),
        more => {
            let ports: Vec<_> = more.iter().map(|c| format!("{} ({})", c.port, c.model)).collect();
            Err(Error::Usage(format!("several cameras: name one by --camera: {}", ports.join(", "))))
        }
    }
}

/// A session's folder, held against a second program.
pub(super) struct Held {
    folder: PathBuf,
    _lock: File,
}

/// Opens `folder` for a session, making it where it is missing and `create` says so.
pub(super) fn hold(folder: &Path, create: bool) -> Result<Held> {
    let known = folder.join(NAME).is_file();
    if !known && !create {
        return Err(Error::Usage(format!(
            "{}: no session here; make one with `nearfar shoot` or `nearfar scan -o {0}`",
            folder.display()
        )));
    }
    if folder.exists() && !folder.is_dir() {
        return Err(Error::Usage(format!("-o {}: is a file; name a folder", folder.display())));
    }
    let other = || {
        let names = std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.file_name()));
        // What a program that was killed in its first write left is nobody's.
        names.into_iter().find(|name| name != LOCK && !name.to_string_lossy().starts_with(".nearfar-"))
    };
    if let Some(name) = other().filter(|_| !known) {
        return Err(Error::Usage(format!(
            "-o {}: is no session and holds {}; name a new or empty folder",
            folder.display(),
            name.to_string_lossy()
        )));
    }
    std::fs::create_dir_all(folder).map_err(Error::io(folder, "making the folder"))?;
    let path = folder.join(LOCK);
    let lock = File::create(&path).map_err(Error::io(&path, "making"))?;
    if lock.try_lock().is_err() {
        return Err(Error::Usage(format!(
            "{}: another nearfar is at work on this session",
            folder.display()
        )));
    }
    clear_leftovers(folder);
    Ok(Held { folder: folder.to_owned(), _lock: lock })
}

impl Held {
    /// The crew of the session: its camera is checked, and set as the session needs it; what a killed run left is cleared
    /// up.
    pub(super) fn crew<'a>(
        &self,
        asked: Asked,
        args: &CameraArgs,
        mut camera: Box<dyn Camera + 'a>,
        photos: usize,
        tell: &'a (dyn Fn(&Event<'_>) + Sync),
        talk: &Talk,
    ) -> Result<Crew<'a>> {
        let condition = camera.condition()?;
        let (model, strategy) = (camera.model().to_owned(), camera.strategy().name());
        let found = SessionFile::read(&self.folder)?;
        let resumed = match found.clone() {
            None => Ok(SessionFile::new(asked, &model, strategy, condition.settings.clone())),
            Some(session) => self.resumed(session, asked, &model, strategy),
        };
        let fit = resumed.and_then(|session| {
            let left = photos.saturating_sub(session.shots.len());
            let readiness = readiness(&condition, camera.strategy(), left);
            ready(&readiness, &session, &condition, args.yes, talk).map(|()| session)
        });
        let session = match (fit, found) {
            (Ok(session), _) => session,
            (Err(error), Some(mut session)) if session.camera == model && !session.set_back.is_empty() => {
                // What a killed run has changed on the camera is set back all the same.
                if camera.give_back(&session.set_back).is_ok() {
                    session.set_back.clear();
                    session.write(&self.folder)?;
                }
                return Err(error);
            }
            (Err(error), _) => return Err(error),
        };
        let yes = args.yes;
        Ok(Crew {
            folder: self.folder.clone(),
            session,
            camera,
            tell,
            ask: Box::new(move |question| may_go_on(yes, question)),
            interrupt: &INTERRUPT,
            free_since: Instant::now(),
            sought: Duration::ZERO,
        })
    }

    fn resumed(
        &self,
        mut session: SessionFile,
        asked: Asked,
        model: &str,
        strategy: &str,
    ) -> Result<SessionFile> {
        let folder = self.folder.display();
        if session.camera != model {
            return Err(Error::Usage(format!(
                "{folder}: is a session of {}, this camera is {model}; connect that one, or name another folder",
                session.camera
            )));
        }
        if session.strategy != strategy {
            return Err(Error::Usage(format!(
                "{folder}: was begun by {}, this camera is driven by {strategy} now; name another folder",
                session.strategy
            )));
        }
        let differ = |name: &str, before: String, now: String| {
            Err(Error::Usage(format!(
                "{name} {now}: the session in {folder} has {before}; leave it out, or name another folder"
            )))
        };
        let text = |point: Point| format!("{},{}", point[0], point[1]);
        let mapped = self.folder.join("map.json").is_file();
        let swapped = !mapped && session.asked.near == asked.far && session.asked.far == asked.near;
        // Until something is photographed for them, the ends may be others.
        let begun = session.scan_ended.is_some() || session.shots.iter().any(|shot| shot.af_point.is_some());
        if !begun || (swapped && session.of(Stage::Stack).next().is_none()) {
            session.asked.near = asked.near.or(session.asked.near);
            session.asked.far = asked.far.or(session.asked.far);
        }
        for (name, before, now) in
            [("--near", &mut session.asked.near, asked.near), ("--far", &mut session.asked.far, asked.far)]
        {
            match (*before, now) {
                (Some(before), Some(now)) if before != now => return differ(name, text(before), text(now)),
                (None, Some(_)) if session.shots.is_empty() => *before = now,
                (None, Some(now)) => return differ(name, "none".into(), text(now)),
                _ => {}
            }
        }
        match (session.asked.steps, asked.steps) {
            (Some(before), Some(now)) if before != now => {
                return differ("-n", before.to_string(), now.to_string());
            }
            (None, steps) => session.asked.steps = steps,
            _ => {}
        }
        Ok(session)
    }
}

/// Refuses a camera that cannot go on with a session, and asks where its settings changed.
fn ready(
    Readiness { must, should }: &Readiness,
    session: &SessionFile,
    condition: &Condition,
    yes: bool,
    talk: &Talk,
) -> Result<()> {
    should.iter().for_each(|text| talk.warn(text));
    if !must.is_empty() {
        return Err(Error::Camera(format!("before the first photo: {}", must.join("; "))));
    }
    let differ = changed(&session.settings, &condition.settings);
    if differ.is_empty() {
        return Ok(());
    }
    let list = differ.iter().map(|(name, before, now)| format!("{name} was {before}, is {now}"));
    let list = list.collect::<Vec<_>>().join("; ");
    let question = format!("the camera's settings changed since the session began: {list}.");
    if may_go_on(yes, &question)? {
        return Ok(());
    }
    Err(Error::Usage(format!("{question} Set them back, or go on with --yes")))
}

/// Does `work` with the camera taken over, and gives it back whatever comes of it.
pub(super) fn with_camera<R>(
    crew: &mut Crew<'_>,
    work: impl FnOnce(&mut Crew<'_>) -> Result<R>,
) -> Result<R> {
    let result = crew.recover().and_then(|()| crew.take_over()).and_then(|()| work(crew));
    let back = crew.give_back();
    match result {
        Ok(result) => back.map(|()| result),
        Err(error) => {
            if let Err(back) = back {
                crew.note(format!("the camera is not set back ({back}): the same command does that too"));
            }
            Err(error)
        }
    }
}

/// Tells of an event: a line for people, an object for programs.
pub(super) fn tell(talk: &Talk, event: &Event<'_>) {
    if let Event::Shot { number, of, shot, .. } = event {
        talk.progress(shot.stage.folder(), *number, *of);
    }
    match event {
        Event::Prompt { text } => talk.ask(text),
        _ => talk.event(event, &text(event)),
    }
}

fn text(event: &Event<'_>) -> String {
    match event {
        Event::Shot { number, of, shot, seconds_left } => line(*number, *of, shot, *seconds_left),
        Event::NoLock { af_point: [x, y] } => format!("autofocus at {x:.3},{y:.3} finds nothing"),
        Event::Note { text } | Event::Prompt { text } => text.clone(),
        Event::Missed { step, target_depth, achieved_depth } => {
            format!("step {}: sharp at {achieved_depth:.2}, wanted {target_depth:.2}", step + 1)
        }
    }
}

fn line(number: usize, of: usize, shot: &Shot, seconds_left: f64) -> String {
    let mut parts = vec![match (shot.stage, shot.step) {
        (Stage::Scan, _) => format!("scan {number:2}"),
        (Stage::Stack, Some(step)) => format!("step {:2}/{of}", step + 1),
        (Stage::Stack, None) => "step".to_owned(),
    }];
    if let Some([x, y]) = shot.af_point {
        let lock = match shot.autofocus {
            Some(camera::Lock::Locked) => "locked",
            Some(camera::Lock::Failed) => "not locked",
            _ => "",
        };
        parts.push(format!("AF {x:.3},{y:.3} {lock}"));
    }
    if !shot.nudges.is_empty() {
        parts.push(format!(
            "nudges {}",
            shot.nudges.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        ));
    }
    match (shot.target_depth, shot.achieved_depth) {
        (Some(target), Some(achieved)) => parts.push(format!("sharp at {achieved:.2}, target {target:.2}")),
        (Some(target), None) => parts.push(format!("target {target:.2}")),
        _ => {}
    }
    parts.push(shot.files.join(" "));
    if seconds_left >= 1.0 {
        parts.push(format!("about {seconds_left:.0} s left"));
    }
    parts.join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_fractions() {
        assert_eq!(point("0.25, 1"), Ok([0.25, 1.0]));
        for wrong in ["", "0.5", "1.2,0", "a,b", "nan,0", "0,-0.1"] {
            assert!(point(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_session_belongs_to_its_camera_and_its_range() {
        let folder = tempfile::tempdir().expect("a folder");
        let held = hold(&folder.path().join("s"), true).expect("new");
        assert!(hold(&folder.path().join("s"), true).is_err(), "held already");
        let asked = Asked { near: Some([0.1, 0.2]), far: None, steps: Some(9) };
        let fresh = SessionFile::new(asked.clone(), "A", "sweep", Default::default());
        let mut session = fresh.clone();
        session.shots.push(Shot { af_point: asked.near, ..Shot::new(Stage::Scan) });
        let resumed =
            |asked: &Asked, model, strategy| held.resumed(session.clone(), asked.clone(), model, strategy);
        assert!(resumed(&asked, "A", "sweep").is_ok());
        assert!(resumed(&Asked::default(), "A", "sweep").is_ok(), "what is left out is as it was");
        assert!(resumed(&asked, "B", "sweep").is_err() && resumed(&asked, "A", "af-point").is_err());
        assert!(resumed(&Asked { steps: Some(5), ..asked.clone() }, "A", "sweep").is_err());
        let other = Asked { near: Some([0.1, 0.3]), ..asked };
        assert!(resumed(&other, "A", "sweep").is_err());
        let mended = held.resumed(fresh, other, "A", "sweep").expect("nothing is photographed for them yet");
        assert_eq!(mended.asked.near, Some([0.1, 0.3]));
    }
}
