//! The ranks of a run: which one this process is, and those that it starts.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;

use super::launch::Launch;
use super::{figures, own_program, say};
use crate::error::{Error, Result};
use crate::exchange::{Exchange, Invitation, Meeting, Throttle};
use crate::model::preset::Preset;

/// The variable that tells a process which rank it is to be.
const INVITATION: &str = "WEIGHTPROOF_RANK";

/// How long a rank may take to come; that one has ended is seen at once.
const COMES: Duration = Duration::from_secs(60);

/// How long a rank may take to end by itself.
const ENDS: Duration = Duration::from_secs(5);

/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(10);

/// Arguments of training over several ranks.
#[derive(Args, Clone, Debug)]
pub struct Ranks {
    /// Train by so many processes on this machine, each with a part of the preset's `shards`: a power of two that divides
    /// them. Rank r takes adapter r, or where there are fewer of the kind, one of them again. The same bits and log as by one
    /// process, and free to change with --resume. Not with mpirun or srun: they say how many there are
    #[arg(long, value_name = "N")]
    pub(super) ranks: Option<usize>,
    /// Seconds that a rank may be silent before the run ends: one that hangs, or whose process is stopped. A step must take
    /// less
    #[arg(long, value_name = "S", default_value = "60", value_parser = seconds)]
    rank_timeout: Duration,
    /// With --ranks: slow every line between two ranks to so many GB/s and so many microseconds of delay in each direction, as
    /// a rehearsal of a network, e.g. 1.25,50
    #[arg(long, value_name = "GB/s,us", requires = "ranks")]
    throttle: Option<Throttle>,
    /// With several ranks: write a time line of the first steps of rank 0, what its device computes and what it exchanges meanwhile,
    /// in the trace format of Chrome (open it at <https://ui.perfetto.dev>)
    #[arg(long, value_name = "FILE")]
    pub(super) trace: Option<PathBuf>,
}

fn seconds(text: &str) -> std::result::Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|s| (0.1..=1e6).contains(s));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "give seconds, 0.1 or more".into())
}

/// Rank 0's hold of the others.
pub(super) struct Team {
    pub exchange: Exchange,
    children: Children,
}

/// Processes that end with this one.
struct Children(Vec<(usize, Child)>);

impl Ranks {
    /// The ranks that a launcher has started, this process among them, and its number among those of its machine; none if it was
    /// started alone.
    ///
    /// # Errors
    /// A program without MPI, or of another MPI than its launcher.
    pub fn launched(&self) -> Result<Option<(Exchange, usize)>> {
        let Some(launch) = Launch::of_this_process() else { return Ok(None) };
        let (carrier, local) = launch.join(COMES.max(self.rank_timeout))?;
        Ok(Some((Exchange::new(carrier, self.rank_timeout), local)))
    }

    /// Tells the preset to the other ranks of a run, if there are to be any; starts them if no launcher has.
    ///
    /// # Errors
    /// A number that does not fit the shards or the launcher's; a process that does not start or come.
    pub fn start(&self, preset: &Preset, team: &mut Option<Team>) -> Result<()> {
        let launched = team.as_ref().map(|team| team.exchange.ranks());
        if let (Some(launched), Some(ranks)) = (launched, self.ranks.filter(|ranks| Some(*ranks) != launched)) {
            return Err(Error::Invalid(format!("--ranks {ranks}: {launched} were started; leave it out")));
        }
        if launched.is_some() && self.throttle.is_some() {
            return Err(Error::Invalid(
                "--throttle slows local processes, not MPI: start them by --ranks N alone".into(),
            ));
        }
        let ranks = launched.or(self.ranks).unwrap_or(1);
        check(
            if launched.is_some() { format!("{ranks} ranks") } else { format!("--ranks {ranks}") },
            ranks,
            preset.shards,
        )?;
        if ranks == 1 && self.trace.is_some() {
            return Err(Error::Invalid("--trace draws the steps of several ranks: give --ranks N".into()));
        }
        self.trace.iter().try_for_each(|path| figures::writable(path))?;
        if launched.is_none() && ranks > 1 {
            *team = Some(self.start_processes(ranks)?);
        }
        team.as_ref().map_or(Ok(()), |team| team.exchange.down_text(Some(&preset.to_toml())).map(drop))
    }

    fn start_processes(&self, ranks: usize) -> Result<Team> {
        let meeting = Meeting::open(ranks)?;
        let (program, arguments): (_, Vec<OsString>) = (own_program()?, std::env::args_os().skip(1).collect());
        let mut children = Children(vec![]);
        for rank in 1..ranks {
            let mut command = Command::new(&program);
            command.args(&arguments).env(INVITATION, meeting.invitation(rank).to_string());
            let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
            children.0.push((rank, child.map_err(|e| Error::io(&program, e))?));
        }
        let carrier = meeting.gather(COMES, self.throttle, || children.check())?;
        Ok(Team { exchange: Exchange::new(carrier, self.rank_timeout), children })
    }

    /// Joins the run that this process was invited to.
    ///
    /// # Errors
    /// A run that has ended.
    pub fn join(&self, invitation: &Invitation) -> Result<Exchange> {
        Ok(Exchange::new(invitation.accept(COMES, self.throttle)?, self.rank_timeout))
    }
}

/// That so many ranks can share the shards.
fn check(name: String, ranks: usize, shards: usize) -> Result<()> {
    let fits = |n: usize| n.is_power_of_two() && n <= shards;
    if fits(ranks) {
        return Ok(());
    }
    let nearest = (0..=shards.ilog2()).map(|bits| 1 << bits).min_by_key(|n: &usize| n.abs_diff(ranks)).unwrap_or(1);
    let more = if shards < ranks { "; more shards (--set shards=S) are another training" } else { "" };
    Err(Error::Invalid(format!(
        "{name}: give a power of two that divides the {shards} shard{} of the preset, e.g. {nearest}{more}",
        if shards == 1 { "" } else { "s" }
    )))
}

/// The rank that this process was started to be; none if it is no other's child.
///
/// # Errors
/// A variable that says something else.
pub(super) fn invitation() -> Result<Option<Invitation>> {
    std::env::var(INVITATION).ok().map(|text| text.parse()).transpose()
}

/// Whether another rank speaks for this one.
pub(super) fn is_led() -> bool {
    std::env::var_os(INVITATION).is_some() || Launch::of_this_process().is_some_and(|launch| launch.rank > 0)
}

impl Team {
    /// Of ranks that a launcher has started.
    pub fn of(exchange: Exchange) -> Team {
        Team { exchange, children: Children(vec![]) }
    }

    /// Ends the others: with this error, if there is one.
    pub fn end(mut self, error: Option<&Error>) {
        if let Some(error) = error {
            self.exchange.fail(error);
            if self.children.0.is_empty() {
                self.exchange.abort(|| say(&format!("error: {error}")));
            }
        }
        self.children.wait();
    }
}

impl Children {
    /// That all still run.
    fn check(&mut self) -> Result<()> {
        for (rank, child) in &mut self.0 {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(Error::Rank(format!("rank {rank} ended at its start: {status}")));
            }
        }
        Ok(())
    }

    /// Waits a while for them to end by themselves.
    fn wait(&mut self) {
        let begin = Instant::now();
        while begin.elapsed() < ENDS && self.0.iter_mut().any(|(_, child)| matches!(child.try_wait(), Ok(None))) {
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for (_, child) in &mut self.0 {
            // Of one that has ended already nothing is to be done.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
