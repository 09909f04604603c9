//! Other frameworks on the same training step: how their scripts are called, and what they print.
//!
//! Each prints a JSON object per line with `images_per_s` and `gflops`; the probe of the software driver prints a line of
//! text per variant. Nothing of them is part of this program: they are run where their files and programs are.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::error::{Error, Result};

/// The step that every side runs.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The scripts' name of the network.
    pub net: String,
    /// Width factor.
    pub width: f64,
    /// Images of a step.
    pub batch: usize,
    /// Threads that a framework on the CPU gets.
    pub threads: usize,
}

/// A program that measures another framework.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    /// What it is called in the table.
    pub name: &'static str,
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(&'static str, &'static str)>,
    what: Output,
}

/// How its output is read.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Output {
    /// Images per second of a step.
    Step,
    /// GFLOP per CPU second of a matrix product.
    Probe,
}

/// A figure of a peer.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// The peer and its mode.
    pub name: String,
    /// Images per second; of the probe, GFLOP per CPU second.
    pub value: f64,
    /// Billions of operations that it counts for an image.
    pub gflop_per_image: Option<f64>,
    /// Whether this is the probe.
    pub probe: bool,
}

/// Where the peers are.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Folder of the scripts.
    pub scripts: PathBuf,
    /// A Python with PyTorch, or tinygrad, or both.
    pub python: Option<PathBuf>,
    /// Precision modes of the PyTorch script, separated by commas.
    pub modes: String,
    /// The compiled `burn-step`.
    pub burn: Option<PathBuf>,
    /// The compiled `lavapipe-probe`.
    pub probe: Option<PathBuf>,
}

impl Places {
    /// The peers that can be run, and for each that cannot a sentence that says what it lacks.
    pub fn peers(&self, work: &Workload) -> (Vec<Peer>, Vec<String>) {
        let (mut found, mut missing) = (vec![], vec![]);
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let common = || words(&["--width", &work.width.to_string(), "--batch", &work.batch.to_string()]);
        for (name, module, script, install) in [
            ("PyTorch", "torch", "torch_step.py", "pip install torch"),
            ("tinygrad", "tinygrad", "tinygrad_step.py", "pip install tinygrad==0.14.0 dawn-python==0.3.0"),
        ] {
            let path = self.scripts.join(script);
            let Some(python) = &self.python else {
                missing.push(format!("{name}: give a Python that has it with --python ({install})"));
                continue;
            };
            if !path.is_file() {
                missing.push(format!(
                    "{name}: there is no {}; name the folder of the scripts with --peers",
                    path.display()
                ));
            } else if !imports(python, module) {
                missing.push(format!("{name}: {} cannot import {module} ({install})", python.display()));
            } else {
                let mut args = vec![path.into_os_string()];
                args.extend(common());
                let mut env = vec![];
                if module == "torch" {
                    let threads = work.threads.to_string();
                    args.extend(words(&["--net", &work.net, "--modes", &self.modes, "--threads", &threads]));
                    args.extend(words(&["--repeat", "3"]));
                } else {
                    env.push(("DEV", "WEBGPU"));
                }
                found.push(Peer { name, program: python.clone(), args, env, what: Output::Step });
            }
        }
        match &self.burn {
            Some(program) if program.is_file() => {
                let mut args = common();
                args.extend(words(&["--warmup", "4", "--steps", "5", "--backend", "wgpu"]));
                let env = vec![("CUBECL_AUTOTUNE_LEVEL", "minimal")];
                found.push(Peer { name: "Burn wgpu", program: absolute(program), args, env, what: Output::Step });
            }
            _ => missing.push(
                "Burn: build burn-step (`cargo build --release` in its folder), and name the program with --burn"
                    .into(),
            ),
        }
        match &self.probe {
            Some(program) if program.is_file() => found.push(Peer {
                name: "lavapipe-probe",
                program: absolute(program),
                args: words(&["gemm", "xor"]),
                env: vec![],
                what: Output::Probe,
            }),
            _ => missing.push(
                "lavapipe-probe: build it (`cargo build --release` in its folder), and name the program with --probe"
                    .into(),
            ),
        }
        (found, missing)
    }
}

/// A bare name would be sought among the installed programs.
pub fn absolute(program: &Path) -> PathBuf {
    std::path::absolute(program).unwrap_or_else(|_| program.to_owned())
}

/// Whether a Python can import a module.
pub fn imports(python: &Path, module: &str) -> bool {
    let mut command = Command::new(python);
    command.args(["-c", &format!("import {module}")]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|s| s.success())
}

impl Peer {
    /// Runs it once.
    ///
    /// # Errors
    /// A program that does not start or fails; output without a figure.
    pub fn run(&self) -> Result<Vec<Figure>> {
        let mut command = Command::new(&self.program);
        command.args(&self.args).stdin(Stdio::null());
        for (name, value) in &self.env {
            if std::env::var_os(name).is_none() {
                command.env(name, value);
            }
        }
        let ran = command.output().map_err(|e| Error::io(&self.program, e))?;
        let text = String::from_utf8_lossy(&ran.stdout);
        let figures = match self.what {
            Output::Step => steps(self.name, &text),
            Output::Probe => probe(self.name, &text),
        };
        if !ran.status.success() || figures.is_empty() {
            let said = String::from_utf8_lossy(&ran.stderr);
            let all: Vec<&str> = text.lines().chain(said.lines()).filter(|l| !l.trim().is_empty()).collect();
            let last = all[all.len().saturating_sub(3)..].join("\n  ");
            let program = self.program.display();
            return Err(Error::Invalid(format!("{}: {program} gave no figure ({}):\n  {last}", self.name, ran.status)));
        }
        Ok(figures)
    }
}

/// One figure per JSON line that has one.
fn steps(name: &str, text: &str) -> Vec<Figure> {
    let figure = |line: &str| {
        let value: Value = serde_json::from_str(line).ok()?;
        let images = value["images_per_s"].as_f64().filter(|v| *v > 0.0)?;
        let mode = value["mode"].as_str().map_or(String::new(), |m| format!(" {m}"));
        let gflop_per_image = value["gflops"].as_f64().map(|g| g / images);
        Some(Figure { name: format!("{name}{mode}"), value: images, gflop_per_image, probe: false })
    };
    text.lines().filter_map(figure).collect()
}

/// The best variant that computed the right product.
fn probe(name: &str, text: &str) -> Vec<Figure> {
    let rate = |line: &str| {
        let rest = line.split_once("per cpu-second med")?.1;
        let value: f64 = rest.split_whitespace().next()?.parse().ok()?;
        line.trim_end().ends_with("ok").then_some(value)
    };
    let best = text.lines().filter_map(rate).max_by(f64::total_cmp);
    let figure = |value| Figure { name: format!("{name} gemm xor"), value, gflop_per_image: None, probe: true };
    best.map(figure).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_lines_of_json_and_the_rest_is_passed_over() {
        let text = "step 0: 3 s\n{\"peer\":\"torch\",\"mode\":\"fp32\",\"images_per_s\":50.0,\"gflops\":185.0}\n\
                    {\"mode\":\"amp\",\"error\":\"no CUDA\"}\n{\"peer\":\"burn\",\"images_per_s\":10,\"gflops\":2.5}\n";
        let found = steps("X", text);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].name.as_str(), found[0].value, found[0].gflop_per_image), ("X fp32", 50.0, Some(3.7)));
        assert_eq!((found[1].name.as_str(), found[1].value), ("X", 10.0));
    }

    #[test]
    fn the_probe_counts_by_its_best_right_product() {
        let text = "xor 32 rows  77.1 GFLOP/s  med 27 ms | per cpu-second med  39.10 best  40.2 |  jit 3 ms, 9 lines  ok\n\
                    xor 64 rows  99.1 GFLOP/s  med 27 ms | per cpu-second med  55.00 best  56.2 |  jit 3 ms  WRONG err=1\n\
                    xor 16 rows  70.0 GFLOP/s  med 27 ms | per cpu-second med  35.00 best  56.2 |  jit 3 ms  ok\n";
        let found = probe("p", text);
        assert_eq!((found.len(), found[0].value, found[0].probe), (1, 39.1, true));
    }

    #[test]
    fn every_missing_peer_is_a_sentence_that_says_what_to_do() {
        let work = Workload { net: "cifar_vgg".into(), width: 0.25, batch: 50, threads: 2 };
        let (found, missing) = Places::default().peers(&work);
        assert!(found.is_empty());
        assert_eq!(missing.len(), 4, "{missing:?}");
        for (sentence, word) in missing.iter().zip(["--python", "--python", "--burn", "--probe"]) {
            assert!(sentence.contains(word), "{sentence}");
        }
    }
}
