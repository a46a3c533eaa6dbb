//! The body by itself: time is a number here, and the scene a made-up result of each search.

use super::registers::{RAW_AND_JPEG, point};
use super::*;

/// A body whose searches lock at a given position.
struct Bench {
    body: Body,
    now: Duration,
    /// Where the focus is; none where there is no texture.
    sharp_at: Option<f32>,
    /// What was ordered so far.
    orders: Vec<Order>,
    events: Vec<Event>,
}

const READY: Event = Event::PictureReady;
const FOCUS_CHANGED: Event = Event::Changed(code::FOCUS_INDICATION);

impl Bench {
    fn new(body: BodyKind, faults: &[&str]) -> Self {
        let faults = faults.iter().map(|fault| fault.parse().expect("a fault")).collect();
        let newer = body == BodyKind::New;
        let mut body = Body::new(BodySettings { body, faults, ..BodySettings::default() });
        body.connected();
        body.speak(newer);
        let now = Duration::ZERO;
        Self { body, now, sharp_at: Some(700.0), orders: Vec::new(), events: Vec::new() }
    }

    /// Lets `ms` milliseconds pass, computing all that is ordered at once.
    fn wait(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now += Duration::from_millis(1);
            self.body.advance(self.now);
            for order in self.body.take_orders() {
                match &order {
                    Order::Focus { ticket, from, .. } => {
                        let locked = self.sharp_at.is_some();
                        let found = Search { path: vec![0.0, self.sharp_at.unwrap_or(*from)], locked };
                        self.body.focused(self.now, *ticket, &found);
                    }
                    &Order::Expose { shot, raw, jpeg, .. } => {
                        let file = |raw| PictureFile { raw, bytes: vec![0; 100].into() };
                        let files = [(raw, true), (jpeg, false)].into_iter().filter(|(wanted, _)| *wanted);
                        self.body.developed(self.now, shot, files.map(|(_, raw)| file(raw)).collect());
                    }
                }
                self.orders.push(order);
            }
            self.events.extend(self.body.take_events());
        }
    }

    fn press(&mut self, code: u16, on: bool) -> Result<(), Refusal> {
        self.body.control(code, &[if on { 2 } else { 1 }, 0])
    }

    /// Both presses and releases, as libgphoto2 does it.
    fn shoot(&mut self) -> Result<(), Refusal> {
        self.press(code::HALF_PRESS, true)?;
        self.press(code::FULL_PRESS, true)?;
        self.wait(1000);
        self.press(code::FULL_PRESS, false)?;
        self.press(code::HALF_PRESS, false)?;
        self.wait(500);
        Ok(())
    }

    fn set(&mut self, code: u16, value: i64) -> Result<(), Refusal> {
        self.body.set(code, &value.to_le_bytes())
    }

    fn value(&self, code: u16) -> i64 {
        self.body.value(code)
    }

    fn count(&self, event: Event) -> usize {
        self.events.iter().filter(|&&e| e == event).count()
    }
}

#[test]
fn a_half_press_focuses_and_says_so() {
    let mut bench = Bench::new(BodyKind::New, &[]);
    assert_eq!(bench.press(code::HALF_PRESS, true), Ok(()));
    bench.wait(100);
    assert_eq!((bench.value(code::FOCUS_INDICATION), bench.body.is_idle()), (1, false), "it takes time");
    bench.wait(500);
    assert_eq!((bench.value(code::FOCUS_INDICATION), bench.body.is_idle()), (2, true));
    assert!((bench.body.state().focus - focus_at(700.0)).abs() < 0.003);
    assert_eq!(bench.body.state().autofocus, Some(AfResult::Locked));
    bench.press(code::HALF_PRESS, false).expect("taken");
    bench.wait(10);
    assert_eq!((bench.value(code::FOCUS_INDICATION), bench.count(FOCUS_CHANGED)), (1, 2));
    assert!(bench.body.state().shots.is_empty());
}

#[test]
fn a_full_press_waits_for_the_focus_even_when_released() {
    let mut bench = Bench::new(BodyKind::New, &[]);
    for (code, on) in [
        (code::HALF_PRESS, true),
        (code::FULL_PRESS, true),
        (code::FULL_PRESS, false),
        (code::HALF_PRESS, false),
    ] {
        bench.press(code, on).expect("taken");
    }
    bench.wait(2000);
    let state = bench.body.state();
    assert_eq!((state.shots.len(), state.pictures, bench.count(READY)), (1, 1, 1));
    assert!((state.shots[0].focus - focus_at(700.0)).abs() < 0.003);
    assert_eq!(bench.value(code::IN_MEMORY), 0x8001);
    bench.body.picture_sent();
    bench.body.hear();
    bench.events.extend(bench.body.take_events());
    assert_eq!((bench.value(code::IN_MEMORY), bench.count(Event::Changed(code::IN_MEMORY))), (0, 1));
}

#[test]
fn nothing_is_shot_out_of_focus_but_in_manual_focus() {
    let mut bench = Bench::new(BodyKind::New, &[]);
    bench.sharp_at = None;
    bench.shoot().expect("taken");
    let state = bench.body.state();
    assert!(state.shots.is_empty(), "{state:?}");
    assert_eq!((bench.count(FOCUS_CHANGED), state.focus), (2, bench.body.state().focus));
    bench.set(code::FOCUS_MODE, registers::MANUAL).expect("a mode");
    bench.shoot().expect("taken");
    assert_eq!(bench.body.state().shots.len(), 1);
    assert_eq!(bench.body.state().shots[0].autofocus, None);
}

#[test]
fn autofocus_looks_at_the_point_only_with_a_flexible_spot() {
    let mut bench = Bench::new(BodyKind::New, &[]);
    bench.body.control(code::AF_POINT, &point([160, 360]).to_le_bytes()).expect("a point");
    let windows = |bench: &mut Bench, area| {
        bench.set(code::FOCUS_AREA, area).expect("an area");
        bench.press(code::HALF_PRESS, true).expect("taken");
        bench.wait(1);
        bench.press(code::HALF_PRESS, false).expect("taken");
        match bench.orders.pop() {
            Some(Order::Focus { windows, .. }) => windows,
            other => panic!("{other:?}"),
        }
    };
    let spot = windows(&mut bench, 0x102);
    assert!((spot[0].centre[0] - 0.25).abs() < 0.01 && (spot[0].centre[1] - 0.75).abs() < 0.01);
    assert_eq!(windows(&mut bench, 3)[0].centre, [0.5; 2]);
    assert_eq!(windows(&mut bench, 1).len(), 9);
    let outside = [[640, 0], [0, 480], [0xffff, 0xffff]];
    for at in outside {
        let refusal = bench.body.control(code::AF_POINT, &point(at).to_le_bytes());
        assert_eq!(refusal, Err(Refusal::BadValue));
    }
}

#[test]
fn bodies_have_the_controls_they_claim() {
    let has = |body, code| Bench::new(body, &[]).body.property(code).is_some();
    let controls = [code::AF_POINT, code::MANUAL_FOCUS, code::FOCAL_POSITION];
    assert_eq!(controls.map(|code| has(BodyKind::New, code)), [true; 3]);
    assert_eq!(controls.map(|code| has(BodyKind::Old, code)), [false, true, false]);
    assert_eq!(controls.map(|code| has(BodyKind::Bare, code)), [false; 3]);
}

#[test]
fn nudges_move_the_lens_in_manual_focus_only() {
    let mut bench = Bench::new(BodyKind::Old, &[]);
    let start = bench.body.state().focus;
    let nudge = |bench: &mut Bench, size: i16| {
        bench.body.control(code::MANUAL_FOCUS, &size.to_le_bytes()).expect("taken");
    };
    nudge(&mut bench, 5);
    bench.wait(500);
    assert_eq!(bench.body.state().focus, start);
    bench.set(code::FOCUS_MODE, registers::MANUAL).expect("a mode");
    nudge(&mut bench, 5);
    nudge(&mut bench, 5);
    bench.wait(500);
    let far = bench.body.state().focus;
    assert!(far < start && far > start - 0.09, "one of two, less the play: {far}");
    nudge(&mut bench, -2);
    bench.wait(500);
    assert_eq!(bench.body.state().focus, far, "within the play");
}

#[test]
fn settings_take_their_values_and_no_others() {
    let mut bench = Bench::new(BodyKind::New, &[]);
    assert_eq!(bench.set(code::SHUTTER, 1 << 16 | 250), Ok(()));
    assert_eq!(bench.set(code::SHUTTER, 1 << 16 | 251), Err(Refusal::BadValue));
    assert_eq!(bench.value(code::SHUTTER), 1 << 16 | 250);
    assert_eq!(bench.set(code::BATTERY, 50), Err(Refusal::ReadOnly));
    assert_eq!(bench.set(0x1234, 0), Err(Refusal::Unknown));
    assert_eq!(bench.body.set(code::SHUTTER, &[1]), Err(Refusal::BadValue));
    assert_eq!(bench.body.control(code::HALF_PRESS, &[]), Err(Refusal::BadValue));
    assert_eq!(bench.set(code::MANUAL_FOCUS, 0), Ok(()), "a stray write");
    // An old body steps.
    let mut bench = Bench::new(BodyKind::Old, &[]);
    assert_eq!(bench.set(code::SHUTTER, 0), Ok(()), "a stray write");
    bench.body.control(code::SHUTTER, &[2]).expect("a step");
    bench.body.control(code::F_NUMBER, &[(-1i8) as u8]).expect("a step");
    assert_eq!((bench.value(code::SHUTTER), bench.value(code::F_NUMBER)), (1 << 16 | 100, 500));
}

#[test]
fn a_slow_shutter_takes_its_time_and_quality_decides_the_files() {
    let mut bench = Bench::new(BodyKind::New, &[]);
    bench.set(code::FOCUS_MODE, registers::MANUAL).expect("a mode");
    bench.set(code::SHUTTER, 2 << 16 | 1).expect("two seconds");
    bench.set(code::QUALITY, RAW_AND_JPEG).expect("a quality");
    bench.shoot().expect("taken");
    assert_eq!(bench.count(READY), 0);
    bench.wait(1000);
    assert_eq!((bench.count(READY), bench.value(code::IN_MEMORY)), (2, 0x8002));
    assert!(bench.body.picture().is_some_and(|picture| picture.name() == "DSC00001.ARW"));
    bench.body.picture_sent();
    bench.body.hear();
    assert!(bench.body.picture().is_some_and(|picture| picture.name() == "DSC00001.JPG"));
    bench.set(code::CAPTURE_TARGET, registers::CARD).expect("a target");
    bench.shoot().expect("taken");
    bench.wait(3000);
    assert_eq!((bench.body.state().shots.len(), bench.body.state().pictures), (2, 1), "to the card only");
}

#[test]
fn faults_strike_at_their_shot_and_no_other() {
    // Of three shots: pictures announced, pictures that came, shots taken.
    let run = |fault: &str, wait| {
        let mut bench = Bench::new(BodyKind::New, &[fault]);
        let refusals: Vec<_> = (0..3).map(|_| bench.shoot()).filter_map(Result::err).collect();
        bench.wait(wait);
        let state = bench.body.state();
        (bench.count(READY), state.pictures, state.shots.len(), refusals)
    };
    assert_eq!(run("no-events@2", 0), (2, 3, 3, vec![]));
    assert_eq!(run("no-events", 0), (0, 3, 3, vec![]));
    assert_eq!(run("late-event@3", 0), (2, 3, 3, vec![]));
    assert_eq!(run("late-event@3", 1500), (3, 3, 3, vec![]));
    assert_eq!(run("af-fails@2", 0), (1, 1, 1, vec![]), "shot 2 is tried again and again");
    assert_eq!(run("busy@2", 0), (1, 1, 1, vec![Refusal::Busy, Refusal::Busy]));
    assert_eq!(run("picture-lost@2", 0), (2, 2, 3, vec![]));
    assert_eq!(run("slow-card@3", 0), (2, 3, 3, vec![]));
    assert_eq!(run("slow-card@3", 4000), (3, 3, 3, vec![]));
    assert_eq!(run("battery-empty@2", 0), (1, 1, 1, vec![Refusal::BatteryEmpty; 2]));
    assert_eq!(run("card-full@2", 0), (1, 1, 1, vec![Refusal::CardFull; 2]));
}

#[test]
fn busy_passes_and_supplies_are_renewed_between_clients() {
    let mut bench = Bench::new(BodyKind::New, &["busy@1"]);
    assert_eq!(bench.shoot(), Err(Refusal::Busy));
    bench.wait(1000);
    assert_eq!(bench.shoot(), Ok(()));
    for (fault, code, before) in [("battery-empty@1", code::BATTERY, 0), ("card-full@1", code::SHOTS_LEFT, 0)]
    {
        let mut bench = Bench::new(BodyKind::New, &[fault]);
        bench.body.connected();
        assert_eq!(bench.value(code), before, "{fault}: seen before the first shot");
        assert!(bench.shoot().is_err());
        bench.body.disconnected();
        bench.body.connected();
        assert!(bench.value(code) > before && bench.shoot() == Ok(()), "{fault}");
    }
}

#[test]
fn a_client_that_leaves_lets_go_of_the_button() {
    let mut bench = Bench::new(BodyKind::New, &[]);
    bench.press(code::HALF_PRESS, true).expect("taken");
    bench.press(code::FULL_PRESS, true).expect("taken");
    bench.body.disconnected();
    bench.wait(2000);
    assert!(bench.body.state().shots.is_empty() && bench.body.is_idle());
}

#[test]
fn a_transfer_is_cut_once() {
    let mut body =
        Body::new(BodySettings { faults: vec!["cut".parse().expect("a fault")], ..BodySettings::default() });
    assert_eq!([1, 1, 2, 2].map(|shot| body.cuts(shot)), [true, false, true, false]);
}

#[test]
fn nothing_grows_without_bound() {
    let mut bench = Bench::new(BodyKind::New, &[]);
    bench.set(code::FOCUS_MODE, registers::MANUAL).expect("a mode");
    for _ in 0..100 {
        let _ = bench.shoot();
    }
    assert!(bench.body.state().pictures <= 32);
    for i in 0..2000 {
        bench.set(code::QUALITY, 2 + i % 2).expect("a quality");
    }
    assert!(bench.body.take_events().len() <= MOST_EVENTS);
}

#[test]
fn a_picture_that_was_sent_stays_until_the_client_says_another_word() {
    let mut bench = Bench::new(BodyKind::Old, &[]);
    bench.shoot().expect("taken");
    assert_eq!(bench.body.state().pictures, 1);
    bench.body.picture_sent();
    bench.body.disconnected();
    bench.body.hear();
    assert_eq!(bench.body.state().pictures, 1, "it died before it could have kept it");
    bench.body.picture_sent();
    bench.body.hear();
    assert_eq!(bench.body.state().pictures, 0);
}
