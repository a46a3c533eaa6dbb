//! `nearfar plan`.

use std::path::PathBuf;

use super::{Exit, INTERRUPT, Talk};
use crate::backend::CpuBackend;
use crate::error::Result;
use crate::files::{MapFile, PlanFile};
use crate::pipeline::plan::{self, Request};
use crate::plan::PlanOptions;
use crate::session::{SessionFile, ends};

/// Divides the depth between the near and the far end evenly into N focus steps, and pulls each to the autofocus spot that
/// holds most certain, textured pixels at its depth.
///
/// Reads a folder that `nearfar map` wrote; writes DIR/plan.json and plan.png, the numbered spots over the picture beside
/// the depth map.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Example: nearfar plan map -n 9")]
pub struct Args {
    /// Folder of a map
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    plan: PlanArgs,
}

/// How to plan.
#[derive(Debug, clap::Args)]
pub(super) struct PlanArgs {
    /// Focus steps, near and far end included: 2 to 999
    #[arg(short = 'n', long, value_name = "N", allow_hyphen_values = true)]
    steps: usize,
    /// Side of the autofocus spot as a fraction of the width
    #[arg(long, default_value_t = PlanOptions::default().af_size, value_name = "F", allow_hyphen_values = true)]
    af_size: f64,
    /// Take the pixel nearest in depth, whatever its texture: for comparison
    #[arg(long)]
    no_gravity: bool,
}

impl PlanArgs {
    pub(super) fn options(&self) -> Result<PlanOptions> {
        let Self { steps, af_size, no_gravity } = *self;
        let options = PlanOptions { steps, af_size, gravity: !no_gravity };
        options.validate().map(|()| options)
    }
}

pub fn run(args: &Args, talk: &Talk) -> Result<Exit> {
    let options = args.plan.options()?;
    let session = SessionFile::read(&args.folder)?;
    let ends = match &session {
        Some(session) => {
            ends(&args.folder, &session.asked, &MapFile::read(&args.folder)?, None, &CpuBackend)?
        }
        None => [None; 2],
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
    text + &format!("spots over the picture: {picture}")
}
