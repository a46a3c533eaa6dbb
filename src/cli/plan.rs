//! `nearfar plan`.

use std::path::PathBuf;

use super::{Exit, INTERRUPT, Talk};
use crate::backend::CpuBackend;
use crate::error::Result;
use crate::files::{MapFile, PlanFile};
use crate::pipeline::plan::{self, Request};
use crate::plan::{Count, Even, PlanOptions};
use crate::session::{SessionFile, ends};

/// Divides the distance between the near and the far end evenly into N focus steps, or finds how few are enough, and pulls
/// each to the autofocus spot that holds most certain, textured pixels at its depth.
///
/// Reads a folder that `nearfar map` wrote; writes DIR/plan.json and plan.png, the numbered spots over the picture beside
/// the depth map, and below them the focus axis with what is textured along it and what each step shows sharp.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:\n  nearfar plan map -n 9\n  nearfar plan map -n auto --coc 1.5")]
pub struct Args {
    /// Folder of a map
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    sharp: SharpArgs,
}

/// How to plan.
#[derive(Debug, clap::Args)]
pub(super) struct PlanArgs {
    /// Focus steps, near and far end included, 2 to 999; or auto: as few as show all that is textured sharp
    #[arg(short = 'n', long, value_name = "N|auto", value_parser = count, allow_hyphen_values = true)]
    steps: Count,
    /// In what a given number of steps is even: optical (inverse distance) or order (the levels of the map)
    #[arg(long, value_name = "optical|order", default_value = "optical", value_parser = even)]
    even: Even,
    /// Side of the autofocus spot as a fraction of the width
    #[arg(long, default_value_t = PlanOptions::default().af_size, value_name = "F", allow_hyphen_values = true)]
    af_size: f64,
    /// Take the pixel nearest in depth, whatever its texture: for comparison
    #[arg(long)]
    no_gravity: bool,
}

impl PlanArgs {
    pub(super) fn options(&self, sharp: &SharpArgs) -> Result<PlanOptions> {
        let Self { steps: count, even, af_size, no_gravity } = *self;
        let usual = PlanOptions::default();
        let (coc_px, overlap) = (sharp.coc.unwrap_or(usual.coc_px), sharp.overlap.unwrap_or(usual.overlap));
        let options = PlanOptions { count, even, coc_px, overlap, af_size, gravity: !no_gravity };
        options.validate().map(|()| options)
    }
}

/// What counts as sharp.
#[derive(Debug, clap::Args)]
pub(super) struct SharpArgs {
    /// Circle of confusion in pixels that counts as sharp: 2 in a plan, 1.5 in a scan unless given
    #[arg(long, value_name = "PX", allow_hyphen_values = true)]
    pub(super) coc: Option<f64>,
    /// Share of what one photo shows sharp that the next shows sharp too: 0.3 in a plan, 0.2 in a scan unless given
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true)]
    pub(super) overlap: Option<f64>,
}

fn count(typed: &str) -> Result<Count, String> {
    match typed.parse() {
        Ok(steps) => Ok(Count::Of(steps)),
        Err(_) if typed == "auto" => Ok(Count::Auto),
        Err(_) => Err("a number, or auto".into()),
    }
}

fn even(typed: &str) -> Result<Even, String> {
    match typed {
        "optical" => Ok(Even::Optical),
        "order" => Ok(Even::Order),
        _ => Err("optical or order".into()),
    }
}

pub fn run(args: &Args, talk: &Talk) -> Result<Exit> {
    let options = args.plan.options(&args.sharp)?;
    let session = SessionFile::read(&args.folder)?;
    let ends = match &session {
        Some(session) => ends(&args.folder, session, &MapFile::read(&args.folder)?, None, &CpuBackend)?,
        None => Default::default(),
    };
    let plan = plan::run(&Request { folder: args.folder.clone(), options, ends }, &INTERRUPT)?;
    const SHOWN: usize = 8;
    let warned = || plan.steps.iter().filter_map(|step| Some((step.index + 1, step.warning.as_ref()?)));
    for (step, warning) in warned().take(SHOWN) {
        talk.warn(&format!("step {step}: {warning}"));
    }
    let more = warned().skip(SHOWN).count();
    if more > 0 {
        talk.warn(&format!("{more} more of the kind, marked ! below and in plan.json; ask for fewer steps"));
    }
    let text = table(&plan, &args.folder.join("plan.png").display().to_string());
    talk.result(&plan, &text)?;
    Ok(Exit::Done)
}

fn table(plan: &PlanFile, picture: &str) -> String {
    let mut text = "step  target   depth       x       y  texture   moved\n".to_owned();
    for step in &plan.steps {
        text.push_str(&format!(
            "{:4}  {:6.2}  {:6.2}  {:6.3}  {:6.3}  {:7.2}  {:6.3}{}\n",
            step.index + 1,
            step.target_depth,
            step.depth,
            step.x,
            step.y,
            step.texture,
            step.moved,
            if step.warning.is_some() { "  !" } else { "" },
        ));
    }
    text += &match &plan.coverage {
        Some(found) => format!(
            "sharp within {} pixels somewhere: {:.1} % of what is textured; {} steps would be enough\n",
            found.coc_px,
            100.0 * found.share,
            found.enough
        ),
        None => {
            "how many steps would be enough is not known: the map does not tell the depth of field\n".into()
        }
    };
    text + &format!("spots over the picture: {picture}")
}
