//! Trains convolutional networks whose weights are *projected* (binarised, rounded, raised to a power, drawn at random)
//! on every forward pass, and measures how well a trained network stands up to distorted weights. All arithmetic is
//! hand-written WGSL, run through wgpu.
//!
//! A training step is a value: a [`plan::Plan`], a list of commands over named buffers. It is built once from a preset,
//! needs no device to be built or printed, and runs as often as wanted:
//!
//! ```text
//! preset.toml -> model::Network -> plan::Plan -+-> gpu::lower -> Lowered -> gpu::Runner   WGSL on an adapter: the product
//!                                              +-> cpu::Runner                            f64 twins: the specification
//! ```
//!
//! This loads a preset that comes with the program and prints its step for the least adapter that WebGPU allows:
//!
//! ```
//! use weightproof::model::{Network, preset::Preset};
//! use weightproof::plan::{Target, listing::listing};
//!
//! let preset = Preset::load("merolla2016/cifar10/tr-sign-c", &["width=0.125".into()])?;
//! let network = Network::new(&preset, [32, 32, 3], 10)?;
//! let plan = network.train_plan(&Target::baseline())?;
//! let kernels: Vec<&str> = plan.dispatches().map(|d| d.kernel).collect();
//! assert_eq!((kernels[0], kernels[kernels.len() - 1]), ("project.alpha", "optimizer.adam"));
//! println!("{}", listing(&plan));
//! # Ok::<(), weightproof::error::Error>(())
//! ```
//!
//! # The tour
//!
//! In the order in which the code is best read. `tests/plans/layering.rs` holds who may use whom.
//!
//! 1. [`plan`]: what a step is. Buffers with a role and a lifetime, commands with named arguments, the listing, the
//!    memory that transients share; what it is made for as plain data ([`plan::Target`]: facts of an adapter, and wishes).
//! 2. [`projection`]: what is done to weights, as data: the table of projections, chains of them, their twins. [`kernels`]: what each kernel computes. Signature, variants in WGSL, grid, f64 twin, error budget, test cases.
//!    Begin with [`kernels::relu`], the smallest; then [`kernels::conv2d`]. [`kernels::parameters`] lays all weights
//!    out in flat arrays, so that [`kernels::project`] and [`kernels::optimizer`] are one dispatch each.
//! 3. [`layers`]: a file each: how a preset writes it, what shapes it makes, its parameters, and the forward and backward
//!    commands that it appends; there is no autograd.
//! 4. [`model`]: [`model::preset`] reads the TOML files of `models/`, [`model::Network`] makes of one the plans for
//!    training, batch-norm moments and tests.
//! 5. [`gpu`]: the only module that names wgpu or naga. [`gpu::lower`] makes of a plan what a runner needs, without a
//!    device: shaders composed from files, includes and knobs, bindings found by name, constants, memory. The runner takes
//!    that, from memory or from a file. `shaders/README.md` has the rules of the WGSL side.
//! 6. [`cpu`]: the same plans by twins. [`check`] compares the two runners command by command.
//! 7. [`data`]: data sets, whitening, images held or streamed, batches from threads that run ahead, downloads. It knows no networks.
//! 8. [`session`]: a network on a device, ready to step; whatever runs a network begins there. [`weights`]: files of
//!    weights, checkpoints and others', opened as networks, exported, distorted.
//! 9. [`train`]: the loop, schedules, run folders. [`eval`]: the test protocol (distort, re-compute the moments, count
//!    errors) and analyses. [`sweep`]: trained runs under lists of distortions, in points that are computed once and kept.
//! 10. [`profile`]: where the time of a step goes, held against what the adapter can do at best. [`figure`] draws.
//!     [`mod@bench`]: speed, by turns with other builds and other frameworks, and what the tuning table should say. [`scale`]: what
//!     a step would take on more ranks.
//! 11. [`report`]: what runs, sweeps and analyses left on disk, as one page with tables and figures.
//! 12. [`adapter_report`]: all that an adapter can be asked in ten minutes, in processes of their own. [`cli`]: one file
//!     per subcommand.
//!
//! Below all of them: [`error`] (one type; each text names the place and the remedy), [`philox`] (the only source of
//! randomness, a pure function that the shaders compute too), [`ranges`] (what a preset may say), [`files`] (files
//! replaced whole or not at all) and [`exchange`] (what the processes of a run over several say to each other).
#![warn(missing_docs)]

pub mod adapter_report;
pub mod bench;
pub mod check;
pub mod cli;
pub mod cpu;
pub mod data;
pub mod error;
pub mod eval;
pub mod exchange;
pub mod figure;
pub mod files;
pub mod gpu;
pub mod kernels;
pub mod layers;
pub mod model;
pub mod philox;
pub mod plan;
pub mod profile;
pub mod projection;
pub mod ranges;
pub mod report;
pub mod scale;
pub mod session;
pub mod sweep;
pub mod train;
pub mod weights;
