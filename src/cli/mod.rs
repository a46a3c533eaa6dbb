//! The command line: what was typed ([`Cli`]), then what it means (each command's request).

mod body;
mod cameras;
mod capture;
mod devices;
mod exit;
mod log;
mod map;
mod merge;
mod plan;
mod scan;
mod shoot;
mod simulate;
mod talk;
mod tether;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{ArgAction, Parser, Subcommand};

pub use exit::Exit;
use talk::Talk;

use crate::error::{Error, Result};
use crate::gpu::{self, Gpu, Selector};

/// Focus stacking: order, depth map and focus plan from photos at many distances.
#[derive(Debug, Parser)]
#[command(name = "nearfar", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options of every command")]
struct Global {
    /// auto, cpu, gpu, or a part of an adapter's name
    ///
    /// auto takes a hardware GPU if there is one, else the CPU path. gpu takes any adapter, software ones too. See
    /// `nearfar devices`. Default: auto.
    #[arg(long, global = true, default_value = "auto", hide_default_value = true)]
    device: String,
    /// Threads to decode and compute with (default: all cores)
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// One JSON object on stdout, nothing else there; with a camera one a line for each event, the result last
    #[arg(long, global = true)]
    json: bool,
    /// No progress and no talk, only errors and warnings
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// More talk; twice for the details of every stage
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// Write what every thread did when, for ui.perfetto.dev or chrome://tracing
    #[arg(long, global = true, value_name = "FILE")]
    trace: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Group and order photos by focus, make a depth map
    Map(map::Args),
    /// Fuse photos at many distances into one that is sharp everywhere
    Merge(Box<merge::Args>),
    /// Pick N focus points from a map, pulled to texture
    Plan(plan::Args),
    /// Photograph a scene at many levels of focus, and map it
    Scan(Box<scan::Args>),
    /// Photograph the planned steps
    Capture(Box<capture::Args>),
    /// The whole job: scan, map, plan, capture, merge
    Shoot(Box<shoot::Args>),
    /// List compute devices and cameras, and which would be used how
    Devices(devices::Args),
    /// Pose as a camera, or render a focal stack with exact truth
    Simulate(simulate::Args),
}

/// Set by Ctrl-C and SIGTERM.
static INTERRUPT: AtomicBool = AtomicBool::new(false);

/// Runs the command line of this process.
pub fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Printing can only fail where nobody reads.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    let Global { json, quiet, verbose, trace, .. } = &cli.global;
    let talk = Talk::new(*json, *quiet);
    let _trace = match log::start(*verbose, trace.as_deref()) {
        Ok(trace) => trace,
        Err(error) => {
            talk.error(&error);
            return Exit::from(&error);
        }
    };
    // A second handler cannot be there: this is the only place that sets one.
    let _ = ctrlc::set_handler(|| INTERRUPT.store(true, Ordering::Relaxed));
    match run(&cli, &talk) {
        Ok(exit) => exit,
        Err(error) => {
            let exit = Exit::from(&error);
            if exit != Exit::Done {
                talk.error(&error);
            }
            exit
        }
    }
}

fn run(cli: &Cli, talk: &Talk) -> Result<Exit> {
    let threads = cli.global.threads.map(usize::from);
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, Into::into));
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("compute {}", index + 1))
        .build_global()
        .map_err(|error| Error::Usage(format!("--threads {threads}: {error}")))?;
    let device = &cli.global.device;
    match &cli.command {
        Command::Map(args) => map::run(args, device, threads, talk),
        Command::Merge(args) => merge::run(args, device, threads, talk),
        Command::Plan(args) => plan::run(args, talk),
        Command::Scan(args) => scan::run(args, device, threads, talk),
        Command::Capture(args) => capture::run(args, device, talk),
        Command::Shoot(args) => shoot::run(args, device, threads, talk),
        Command::Devices(args) => devices::run(args, device, talk),
        Command::Simulate(args) => simulate::run(args, talk),
    }
}

/// Where the stages run.
enum Device {
    Cpu,
    Gpu(Box<Gpu>),
}

impl Device {
    /// Opens what `--device` asks for.
    fn open(choice: &str, talk: &Talk) -> Result<Self> {
        let selector = match choice {
            "cpu" => return Ok(Self::Cpu),
            "auto" => Selector::Hardware,
            "gpu" => Selector::Any,
            name => Selector::Named(name.to_owned()),
        };
        let adapters = gpu::adapters();
        let Some(adapter) = gpu::choose(&adapters, &selector) else {
            return match selector {
                Selector::Hardware => Ok(Self::Cpu),
                Selector::Any => Err(Error::Device(NO_ADAPTER.to_owned())),
                Selector::Named(name) => Err(Error::Usage(format!(
                    "--device {name}: no adapter has this in its name; `nearfar devices` lists {}",
                    if adapters.is_empty() { "none here".to_owned() } else { names(&adapters) }
                ))),
            };
        };
        match Gpu::open(adapter) {
            Ok(gpu) => {
                talk.say(&format!("computing on {} ({}, {})", adapter.name, adapter.kind, adapter.api));
                Ok(Self::Gpu(Box::new(gpu)))
            }
            Err(error) if selector == Selector::Hardware => {
                talk.warn(&format!("{error}; using the CPU path"));
                Ok(Self::Cpu)
            }
            Err(error) => Err(error),
        }
    }
}

fn names(adapters: &[gpu::Adapter]) -> String {
    adapters.iter().map(|adapter| adapter.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// What to do where no adapter is found at all.
const NO_ADAPTER: &str = "no compute adapter found: install your graphics card's Vulkan driver, or Mesa's software one \
                          (Debian, Ubuntu: apt install mesa-vulkan-drivers libvulkan1), or use --device cpu";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn definition_is_sound() {
        super::Cli::command().debug_assert();
    }
}
