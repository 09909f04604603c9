//! What a launcher of MPI or Slurm says of a process that it has started, before MPI itself says anything.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::exchange::Carrier;

/// This process among those that a launcher has started.
pub(super) struct Launch {
    launcher: &'static str,
    /// The variable that told.
    variable: &'static str,
    /// Which of them it is.
    pub rank: usize,
    /// How many there are, more than one.
    ranks: usize,
}

/// Launchers, with the variables of their processes for the number of one and for how many there are. A step of Slurm may have
/// started the others, so that it comes last; `SLURM_NTASKS` would be of any process in a job.
const LAUNCHERS: [(&str, &str, &str); 3] = [
    ("mpirun of Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("mpirun of MPICH", "PMI_RANK", "PMI_SIZE"),
    ("srun", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
];

impl Launch {
    /// None of a process that is alone.
    pub fn of_this_process() -> Option<Launch> {
        let number = |name: &str| std::env::var(name).ok()?.parse::<usize>().ok();
        let known = |&(launcher, rank, variable): &(_, &str, _)| {
            Some(Launch { launcher, variable, rank: number(rank).unwrap_or(0), ranks: number(variable)? })
        };
        LAUNCHERS.iter().find_map(known).filter(|launch| launch.ranks > 1)
    }

    /// Joins the others; what takes messages to them, and the number of this rank on its machine.
    ///
    /// # Errors
    /// A program without MPI, or of another MPI than its launcher; others that do not come.
    #[cfg(feature = "mpi")]
    pub fn join(&self, limit: Duration) -> Result<(Arc<dyn Carrier>, usize)> {
        let world = crate::exchange::mpi::World::join(limit)?;
        let Launch { launcher, variable, ranks, .. } = self;
        if world.carrier.ranks() == *ranks {
            return Ok((world.carrier, world.local));
        }
        Err(Error::Invalid(format!(
            "{launcher} started {ranks} processes ({variable}), and {}, which this program is linked with, knows of {}: start it by \
             the launcher of that MPI (by srun: --mpi=pmix, or --mpi=pmi2 for MPICH)",
            world.library,
            world.carrier.ranks()
        )))
    }

    #[cfg(not(feature = "mpi"))]
    pub fn join(&self, _: Duration) -> Result<(Arc<dyn Carrier>, usize)> {
        let Launch { launcher, variable, ranks, .. } = self;
        Err(Error::Invalid(format!(
            "{launcher} started {ranks} processes ({variable}), and this program was built without MPI: build it by `make mpi`, or \
             start it by itself, with --ranks {ranks}"
        )))
    }
}
