//! The ranks of a run: which one this process is, and those that it starts.

use std::ffi::OsString;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;

use super::own_program;
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
    /// process, and free to change with --resume
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) ranks: usize,
    /// Seconds that a rank may be silent before the run ends: one that hangs, or whose process is stopped. A step must take
    /// less
    #[arg(long, value_name = "S", default_value = "60", value_parser = seconds)]
    rank_timeout: Duration,
    /// With --ranks: slow every line between two ranks to so many GB/s and so many microseconds of delay in each direction, as
    /// a rehearsal of a network, e.g. 1.25,50
    #[arg(long, value_name = "GB/s,us", requires = "ranks")]
    throttle: Option<Throttle>,
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
    /// Starts the other ranks of a run of this preset, if there are to be any, and tells them the preset.
    ///
    /// # Errors
    /// A number that does not fit the shards; a process that does not start or come.
    pub fn start(&self, preset: &Preset) -> Result<Option<Team>> {
        not_by_mpi()?;
        self.check(preset)?;
        if self.ranks == 1 {
            return Ok(None);
        }
        let meeting = Meeting::open(self.ranks)?;
        let (program, arguments): (_, Vec<OsString>) = (own_program()?, std::env::args_os().skip(1).collect());
        let mut children = Children(vec![]);
        for rank in 1..self.ranks {
            let mut command = Command::new(&program);
            command.args(&arguments).env(INVITATION, meeting.invitation(rank).to_string());
            let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
            children.0.push((rank, child.map_err(|e| Error::io(&program, e))?));
        }
        let carrier = meeting.gather(COMES, self.throttle, || children.check())?;
        let team = Team { exchange: Exchange::new(carrier, self.rank_timeout), children };
        team.exchange.down_text(Some(&preset.to_toml()))?;
        Ok(Some(team))
    }

    fn check(&self, preset: &Preset) -> Result<()> {
        let (ranks, shards) = (self.ranks, preset.shards);
        let fits = |n: usize| n.is_power_of_two() && n <= shards;
        if fits(ranks) {
            return Ok(());
        }
        let nearest = (0..=shards.ilog2()).map(|bits| 1 << bits).min_by_key(|n: &usize| n.abs_diff(ranks)).unwrap_or(1);
        let more = if shards < ranks { "; more shards (--set shards=S) are another training" } else { "" };
        Err(Error::Invalid(format!(
            "--ranks {ranks}: give a power of two that divides the {shards} shard{} of the preset, e.g. {nearest}{more}",
            if shards == 1 { "" } else { "s" }
        )))
    }

    /// Joins the run that this process was invited to.
    ///
    /// # Errors
    /// A run that has ended.
    pub fn join(&self, invitation: &Invitation) -> Result<Exchange> {
        Ok(Exchange::new(invitation.accept(COMES, self.throttle)?, self.rank_timeout))
    }
}

/// That no MPI has started this process as one of several: each of them would train the whole run, into one folder.
fn not_by_mpi() -> Result<()> {
    // Of Open MPI, and of MPICH and what descends from it.
    for name in ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"] {
        let processes = std::env::var(name).ok().and_then(|n| n.parse::<usize>().ok()).unwrap_or(1);
        if processes > 1 {
            return Err(Error::Invalid(format!(
                "MPI started {processes} processes ({name}), and this program speaks no MPI: start it by itself, with --ranks \
                 {processes}"
            )));
        }
    }
    Ok(())
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
    std::env::var_os(INVITATION).is_some()
}

impl Team {
    /// Ends the others: with this error, if there is one.
    pub fn end(mut self, error: Option<&Error>) {
        if let Some(error) = error {
            self.exchange.fail(error);
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
