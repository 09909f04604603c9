//! `weightproof slurm`: batch scripts.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser};

use super::{Cli, Command, Global, print_bytes};
use crate::error::{Error, Result};
use crate::files;
use crate::model::preset::Preset;
use crate::report::quote;
use crate::weights::checkpoint;

/// Arguments of `slurm`.
///
/// The script is for `sbatch`, from the folder that the command's paths are relative to. A sweep, an evaluation or a
/// reproduction becomes an array of jobs, one for each part; a training is one job, on one machine or over MPI
/// (--mpi), with a GPU for each of its --ranks. Before its time is over, or when Slurm says that the job must make room, the program is told to stop; it saves, and
/// the job is queued again and goes on where it was.
#[derive(Args)]
pub struct Slurm {
    /// Parts, each a job with a device of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    parts: u32,
    /// The limit of a job's time, e.g. 4:00:00
    #[arg(long)]
    time: Option<String>,
    /// The partition
    #[arg(long)]
    partition: Option<String>,
    /// The account
    #[arg(long)]
    account: Option<String>,
    /// The --ranks of a training as tasks that srun starts, over MPI, on one machine or several, instead of as processes of one
    /// machine. The program must be built with MPI (`make mpi`), and srun start programs of that MPI (`srun --mpi=list`; its
    /// choice is $SLURM_MPI_TYPE)
    #[arg(long)]
    mpi: bool,
    /// GPUs of a task (as many as ranks in it if not given); 0 for none
    #[arg(long, value_name = "N")]
    gpus_per_task: Option<usize>,
    /// Any other option of sbatch, e.g. mem=32G or exclusive; may be given more than once
    #[arg(long, value_name = "KEY[=VALUE]")]
    sbatch: Vec<String>,
    /// Seconds before the end at which the program is told to stop
    #[arg(long, value_name = "S", default_value_t = 120, value_parser = clap::value_parser!(u16).range(1..))]
    stop_before: u16,
    /// The program on the cluster's machines
    #[arg(long, value_name = "FILE", default_value = "weightproof")]
    program: PathBuf,
    /// Write the script there instead of to stdout
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What to run, with its options: a preset, to be trained; or train, sweep, eval or reproduce with what follows
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    words: Vec<OsString>,
}

/// Commands that scripts run.
const SCRIPTED: [&str; 4] = ["train", "sweep", "eval", "reproduce"];

/// What a script runs.
enum Job {
    /// A training into a folder, by so many ranks.
    Train(PathBuf, usize),
    /// A list of jobs, of which each of an array does a part.
    List,
}

impl Slurm {
    pub(super) fn run(self, global: &Global) -> Result<ExitCode> {
        let mut words = self.words.clone();
        if !SCRIPTED.iter().any(|name| words[0] == *name) {
            if let Some(other) = Cli::command().find_subcommand(&words[0]) {
                let message = format!("slurm: {} is not for a batch script; give a preset", other.get_name());
                return Err(Error::Invalid(format!("{message}, or {}", SCRIPTED.join(", "))));
            }
            words.insert(0, SCRIPTED[0].into());
        }
        // Of this command's own only where to compute is meant for the other.
        words.extend(global.device.iter().flat_map(|d| ["--device".into(), d.into()]));
        words.extend(global.seed.iter().flat_map(|s| ["--seed".into(), s.to_string().into()]));
        let job = self.job(&mut words)?;
        let script = self.script(&words, &job)?;
        match &self.out {
            Some(path) => files::replace(path, |w| w.write_all(&script))?,
            None => print_bytes(&script)?,
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What the words mean; a training gets a folder if it has none.
    fn job(&self, words: &mut Vec<OsString>) -> Result<Job> {
        let program = OsStr::new("weightproof");
        let cli = Cli::try_parse_from(std::iter::once(program).chain(words.iter().map(OsString::as_os_str)))
            .map_err(|e| Error::Invalid(e.to_string().trim_start_matches("error: ").to_owned()))?;
        let wrong = |message: &str| Err(Error::Invalid(format!("slurm: {message}")));
        match cli.command {
            Command::Train(_) if self.parts > 1 => wrong("a training has no parts; give it --ranks"),
            Command::Train(train) if train.resume => {
                wrong("leave --resume out: the script says it where there is a run")
            }
            Command::Train(train) => {
                let ranks = train.ranks.ranks.unwrap_or(1);
                if let Some(out) = train.out {
                    return Ok(Job::Train(out, ranks));
                }
                let out = Path::new("runs").join(Preset::load(&train.preset, &train.set)?.name);
                words.extend(["--out".into(), out.clone().into()]);
                Ok(Job::Train(out, ranks))
            }
            _ if self.mpi => wrong("--mpi is for the ranks of a training"),
            _ if has(words, "--part") => {
                wrong("leave --part out: the script gives each job its own; --parts N says how many")
            }
            _ => Ok(Job::List),
        }
    }

    fn script(&self, words: &[OsString], job: &Job) -> Result<Vec<u8>> {
        let mut script = b"#!/bin/bash\n".to_vec();
        for (key, value) in self.options(words, job)? {
            let value = value.map(|value| format!("={}", quote(&value))).unwrap_or_default();
            script.extend(format!("#SBATCH --{key}{value}\n").into_bytes());
        }
        let (launcher, stop) = if self.mpi { (SRUN, STOP_TASKS) } else { ("", STOP_PROCESS) };
        script.extend([HEAD, stop, "}\n"].concat().into_bytes());
        let command = |words: &[OsString], more: &str| {
            let words = words.iter().map(OsString::as_os_str);
            let quoted: Vec<_> = std::iter::once(self.program.as_os_str()).chain(words).map(quoted).collect();
            [b"command=(", launcher.as_bytes(), &quoted.join(&b' ')[..], more.as_bytes(), b")\n"].concat()
        };
        script.push(b'\n');
        match job {
            Job::Train(out, _) => {
                let files = [checkpoint::path(out), out.join("run.json"), out.join("log.jsonl")];
                let [checkpoint, run, log] = files.map(|path| quoted(path.as_os_str()));
                script.extend(command(words, ""));
                script.extend([b"if [ -e ", &checkpoint[..], b" ]; then\n    "].concat());
                script.extend(command(&without_init(words), " --resume"));
                // What a run leaves that was ended before its first checkpoint is no run.
                script.extend_from_slice(b"elif [ \"${SLURM_RESTART_COUNT:-0}\" -gt 0 ]; then\n    rm -f ");
                script.extend([&run[..], b" ", &log, b"\nfi\n"].concat());
            }
            Job::List if self.parts > 1 => {
                script.extend(command(words, &format!(" --part \"$SLURM_ARRAY_TASK_ID\"/{}", self.parts)));
            }
            Job::List => script.extend(command(words, "")),
        }
        script.extend_from_slice(TAIL.as_bytes());
        Ok(script)
    }

    /// Options of `sbatch`, in order.
    fn options(&self, words: &[OsString], job: &Job) -> Result<Vec<(String, Option<String>)>> {
        let own = |key: &str, value: String| (key.to_owned(), Some(value));
        let name: Vec<_> = words.iter().take(2).map(|w| w.to_string_lossy()).collect();
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
        let ranks = if let Job::Train(_, ranks) = job { *ranks } else { 1 };
        let (tasks, gpus) = if self.mpi { (ranks, 1) } else { (1, ranks) };
        let mut all = vec![
            own("job-name", name.join("-").chars().map(plain).collect()),
            own("ntasks", tasks.to_string()),
            own("open-mode", "append".into()),
            ("requeue".into(), None),
            // To this script alone.
            own("signal", format!("B:USR1@{}", self.stop_before)),
        ];
        if matches!(job, Job::List) && self.parts > 1 {
            all.push(own("array", format!("1-{}", self.parts)));
        }
        let gpus = self.gpus_per_task.unwrap_or(gpus);
        if gpus > 0 {
            all.push(own("gpus-per-task", gpus.to_string()));
        }
        let given = [("time", &self.time), ("partition", &self.partition), ("account", &self.account)];
        all.extend(given.iter().filter_map(|(key, value)| Some(own(key, value.as_ref()?.clone()))));
        for text in &self.sbatch {
            let (key, value) = text.split_once('=').map_or((text.as_str(), None), |(k, v)| (k, Some(v.to_owned())));
            let key = key.trim_start_matches("--");
            if key.is_empty() || !key.chars().all(|c| c.is_ascii_lowercase() || c == '-' || c.is_ascii_digit()) {
                let message = format!("--sbatch {text}: write KEY=VALUE with a long option of sbatch, e.g. mem=32G");
                return Err(Error::Invalid(message));
            }
            all.retain(|(known, _)| known != key);
            all.push((key.to_owned(), value));
        }
        if let Some((key, _)) = all.iter().find(|(_, value)| value.as_ref().is_some_and(|v| v.contains('\n'))) {
            return Err(Error::Invalid(format!("--{key}: an option of sbatch is one line")));
        }
        Ok(all)
    }
}

/// What becomes of signals. USR1 comes from Slurm, before the end of the job's time or, where the cluster has it so, before
/// the job makes room for another. TERM comes when it must make room or is cancelled; it is not for this script to queue it again
/// then. The program is told once: a second signal would end it at once.
const HEAD: &str = r#"
# The program saves what it has when it is told to stop, and this same script goes on from there.
again= ended= signalled= child= told=
trap 'again=1 signalled=1; stop' USR1
trap 'ended=1 signalled=1; stop' TERM
stop() {
    [ -n "$child" ] && [ -z "$told" ] || return
    told=1
"#;

const STOP_PROCESS: &str = r#"    kill -TERM "$child" 2>/dev/null
"#;

/// srun that gets TERM itself kills its tasks.
const STOP_TASKS: &str = r#"    scancel --signal=TERM "$SLURM_JOB_ID"
"#;

const SRUN: &str = "srun --kill-on-bad-exit=1 ";

const TAIL: &str = r#""${command[@]}" &
child=$!
[ -z "$signalled" ] || stop
# A signal interrupts wait: the code of the program is that of a wait without one.
while :; do
    signalled=
    wait "$child"
    code=$?
    [ -n "$signalled" ] || break
done
if [ "$code" -ne 0 ] && [ -n "$again" ]; then
    scontrol requeue "$SLURM_JOB_ID" || exit "$code"
elif [ "$code" -ne 0 ] && [ -n "$ended" ]; then
    # Slurm ends the job, and queues it again if it was to make room.
    sleep 600
fi
exit "$code"
"#;

/// Whether a word is the long option, alone or with its value behind a `=`.
fn is(word: &OsStr, option: &str) -> bool {
    let rest = word.as_encoded_bytes().strip_prefix(option.as_bytes());
    rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'=')
}

fn has(words: &[OsString], option: &str) -> bool {
    words.iter().any(|word| is(word, option))
}

/// The words of a training without those that say where its weights begin: a run that goes on has its own.
fn without_init(words: &[OsString]) -> Vec<OsString> {
    let mut kept = vec![];
    // How many more words may belong to the option.
    let mut values = 0;
    for word in words {
        let option = word.as_encoded_bytes().starts_with(b"-");
        match () {
            () if is(word, "--init") => values = usize::from(word == "--init"),
            () if is(word, "--init-except") => values = usize::MAX,
            () if values > 0 && !option => values -= 1,
            () => {
                values = 0;
                kept.push(word.clone());
            }
        }
    }
    kept
}

/// A word as a shell takes it, byte by byte.
fn quoted(word: &OsStr) -> Vec<u8> {
    match word.to_str() {
        Some(text) => quote(text).into_bytes(),
        None => {
            let bytes = word
                .as_encoded_bytes()
                .iter()
                .flat_map(|b| if *b == b'\'' { &b"'\\''"[..] } else { std::slice::from_ref(b) });
            [b"'"].into_iter().flatten().chain(bytes).chain(b"'").copied().collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_goes_on_begins_with_no_other_weights() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        for (given, kept) in [
            ("train p --init a --out d", "train p --out d"),
            ("train p --init=a --init-except fc* conv1 --out d", "train p --out d"),
            ("train p --out d --init-except=fc* --init a", "train p --out d"),
            ("train p --out d", "train p --out d"),
        ] {
            assert_eq!(without_init(&words(given)), words(kept), "{given}");
        }
    }
}
