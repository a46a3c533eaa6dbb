//! The focus motor: where the lens stands, how fast it gets elsewhere, and what a nudge does to it.

use std::collections::VecDeque;
use std::time::Duration;

use rand::RngExt;
use rand_pcg::Pcg64Mcg;

/// Position of the far stop; the near stop is 0.
pub(crate) const FAR_STOP: f32 = 1000.0;
/// Positions a second.
const SPEED: f32 = 8000.0;
/// How long the lens counts as moving after it has arrived.
const SETTLING: Duration = Duration::from_millis(40);
/// How far one nudge of size 1…7 moves the lens, as users measured on an a6400.
const NUDGES: [f32; 7] = [1.0, 2.5, 8.0, 20.0, 55.0, 146.0, 389.0];

/// Inverse depth in focus at the near and the far stop, where the scene's own range is 1 … 0.
const REACH: [f32; 2] = [1.15, -0.15];
/// Distances in mm of what lies at inverse depth 1 and 0.
const DISTANCES_MM: [f32; 2] = [300.0, 3000.0];

/// Inverse depth in focus at `position`: linear, since a thin lens's extension is.
pub(crate) fn focus_at(position: f32) -> f32 {
    REACH[0] + (REACH[1] - REACH[0]) * position / FAR_STOP
}

/// Distance in mm in focus at `position`; the most that 32 bits hold for infinity.
pub(crate) fn distance_mm(position: f32) -> i64 {
    let [near, far] = DISTANCES_MM.map(|mm| 1.0 / mm);
    let dioptres = far + focus_at(position) * (near - far);
    if dioptres <= 0.0 { i64::from(u32::MAX) } else { (1.0 / dioptres).round() as i64 }
}

/// Weaknesses of a lens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Mechanics {
    /// Play of the gears: what the drive turns before the lens follows into the other direction.
    pub(crate) backlash: f32,
    /// Deviation of a nudge, as a share of it.
    pub(crate) jitter: f32,
    /// Whether nudges are lost while the lens moves.
    pub(crate) drops_nudges: bool,
}

/// The motor and the lens it moves, with play between.
#[derive(Clone, Debug)]
pub(crate) struct FocusMotor {
    mechanics: Mechanics,
    /// Time up to which the motor has been followed.
    at: Duration,
    drive: f32,
    lens: f32,
    /// Where the drive is to go, one after the other.
    path: VecDeque<f32>,
    /// When the lens has settled after its last move.
    still_at: Duration,
}

impl FocusMotor {
    /// A lens that stands at `position`.
    pub(crate) fn new(mechanics: Mechanics, position: f32) -> Self {
        let still = Duration::ZERO;
        Self { mechanics, at: still, drive: position, lens: position, path: VecDeque::new(), still_at: still }
    }

    /// Where the lens stands: 0 near stop … [`FAR_STOP`].
    pub(crate) fn position(&self) -> f32 {
        self.lens
    }

    /// Whether the lens is on its way or settling.
    pub(crate) fn moves(&self) -> bool {
        !self.path.is_empty() || self.at < self.still_at
    }

    /// Follows the motor up to `now`.
    pub(crate) fn advance(&mut self, now: Duration) {
        let mut reach = SPEED * now.saturating_sub(self.at).as_secs_f32();
        while let Some(&goal) = self.path.front() {
            let step = (goal - self.drive).clamp(-reach, reach);
            self.turn(self.drive + step);
            reach -= step.abs();
            if self.drive != goal {
                break;
            }
            self.path.pop_front();
            self.still_at = now + SETTLING;
        }
        self.at = self.at.max(now);
    }

    /// Leads the lens along `stops` in place of where it was going.
    pub(crate) fn follow(&mut self, stops: &[f32]) {
        self.path.clear();
        let half = self.mechanics.backlash / 2.0;
        let mut from = self.lens;
        for &stop in stops {
            let stop = stop.clamp(0.0, FAR_STOP);
            self.path.push_back(stop + half * (stop - from).signum());
            from = stop;
        }
    }

    /// Leaves the lens where it is.
    pub(crate) fn stop(&mut self) {
        self.path.clear();
    }

    /// Moves by one nudge: 1…7 towards far, −1…−7 towards near, larger at larger numbers. Lost where the lens moves
    /// and is one of those that lose it.
    pub(crate) fn nudge(&mut self, size: i16, rng: &mut Pcg64Mcg) {
        let Some(&way) = usize::from(size.unsigned_abs()).checked_sub(1).and_then(|i| NUDGES.get(i)) else {
            return;
        };
        if self.mechanics.drops_nudges && self.moves() {
            return;
        }
        let scatter = self.mechanics.jitter * (2.0 * rng.random::<f32>() - 1.0);
        let from = self.path.back().copied().unwrap_or(self.drive);
        let half = self.mechanics.backlash / 2.0;
        let goal = from + f32::from(size.signum()) * way * (1.0 + scatter);
        self.path.push_back(goal.clamp(-half, FAR_STOP + half));
    }

    /// The drive at `drive`, and the lens after it.
    fn turn(&mut self, drive: f32) {
        let half = self.mechanics.backlash / 2.0;
        self.drive = drive;
        self.lens = self.lens.clamp(drive - half, drive + half).clamp(0.0, FAR_STOP);
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn rng() -> Pcg64Mcg {
        Pcg64Mcg::seed_from_u64(1)
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_lens_takes_its_time_and_arrives() {
        let mut motor = FocusMotor::new(Mechanics::default(), 500.0);
        motor.follow(&[0.0, 1000.0, 250.0]);
        motor.advance(ms(25));
        assert_eq!((motor.position(), motor.moves()), (300.0, true));
        motor.advance(ms(125));
        assert_eq!(motor.position(), 500.0);
        motor.advance(ms(290));
        assert!(motor.position() == 250.0 && motor.moves(), "it settles");
        motor.advance(ms(340));
        assert!(!motor.moves());
    }

    #[test]
    fn nudges_grow_and_end_at_the_stops() {
        for (size, way) in (1..).zip(NUDGES) {
            let mut motor = FocusMotor::new(Mechanics::default(), 500.0);
            motor.nudge(size, &mut rng());
            motor.advance(ms(1000));
            assert_eq!(motor.position(), 500.0 + way);
        }
        let mut motor = FocusMotor::new(Mechanics { backlash: 12.0, ..Mechanics::default() }, 500.0);
        for size in [-7, -7, -7, 0, 8, i16::MIN, i16::MAX] {
            motor.nudge(size, &mut rng());
        }
        motor.advance(ms(1000));
        assert_eq!(motor.position(), 0.0);
        motor.nudge(6, &mut rng());
        motor.advance(ms(2000));
        assert!((motor.position() - (146.0 - 12.0)).abs() < 1e-3, "{}: play is taken up", motor.position());
    }

    #[test]
    fn backlash_eats_the_first_of_the_way_back_and_autofocus_knows() {
        let mechanics = Mechanics { backlash: 12.0, ..Mechanics::default() };
        let mut motor = FocusMotor::new(mechanics, 500.0);
        motor.nudge(4, &mut rng());
        motor.advance(ms(500));
        let far = motor.position();
        motor.nudge(-3, &mut rng());
        motor.advance(ms(1000));
        assert_eq!(motor.position(), far, "8 positions lie within the play of 12");
        motor.nudge(-3, &mut rng());
        motor.advance(ms(1500));
        assert_eq!(motor.position(), far - 4.0);
        motor.follow(&[900.0, 300.0]);
        motor.advance(ms(3000));
        assert!((motor.position() - 300.0).abs() < 1e-3);
    }

    #[test]
    fn a_moving_lens_loses_nudges_if_it_is_one_that_does() {
        for (drops_nudges, position) in [(true, 520.0), (false, 540.0)] {
            let mut motor = FocusMotor::new(Mechanics { drops_nudges, ..Mechanics::default() }, 500.0);
            motor.nudge(4, &mut rng());
            motor.nudge(4, &mut rng());
            motor.advance(ms(1000));
            assert_eq!(motor.position(), position);
        }
    }

    #[test]
    fn nudges_scatter_by_their_jitter() {
        let ways: Vec<f32> = (0..50)
            .map(|seed| {
                let mechanics = Mechanics { jitter: 0.1, ..Mechanics::default() };
                let mut motor = FocusMotor::new(mechanics, 500.0);
                motor.nudge(4, &mut Pcg64Mcg::seed_from_u64(seed));
                motor.advance(ms(500));
                motor.position() - 500.0
            })
            .collect();
        assert!(ways.iter().all(|way| (18.0..=22.0).contains(way)));
        assert!(ways.iter().any(|way| *way < 19.0) && ways.iter().any(|way| *way > 21.0));
    }
}
