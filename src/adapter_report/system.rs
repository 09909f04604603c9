//! The machine around the adapter, as far as it tells.

use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

/// System, processor and program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct System {
    /// Name, version, and architecture.
    pub os: String,
    /// The processor's name.
    pub processor: String,
    /// Threads that this process may use.
    pub threads: usize,
    /// Version of this program.
    pub version: String,
}

pub(super) fn system() -> System {
    use std::env::consts::{ARCH, OS};
    let version = match OS {
        "linux" => linux(),
        "macos" => printed("sw_vers", &["-productVersion"]).map(|v| format!("macOS {v}")),
        "windows" => printed("cmd", &["/c", "ver"]),
        _ => None,
    };
    let processor = match OS {
        "linux" => field("/proc/cpuinfo", "model name", ':'),
        "macos" => printed("sysctl", &["-n", "machdep.cpu.brand_string"]),
        _ => std::env::var("PROCESSOR_IDENTIFIER").ok(),
    };
    System {
        os: format!("{}, {ARCH}", version.unwrap_or_else(|| OS.into())),
        processor: processor.unwrap_or_else(|| "unknown".into()),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        version: env!("CARGO_PKG_VERSION").into(),
    }
}

/// The distribution and the kernel.
fn linux() -> Option<String> {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let name = field("/etc/os-release", "PRETTY_NAME", '=').unwrap_or_else(|| "Linux".into());
    Some(format!("{}, kernel {}", name.trim_matches('"'), kernel.trim()))
}

/// The value of the first line that begins with a name.
fn field(path: &str, name: &str, separator: char) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|l| l.starts_with(name))?;
    Some(line.split_once(separator)?.1.trim().to_owned())
}

/// What a program of the system prints.
fn printed(program: &str, args: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    let ran = command.args(args).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&ran.stdout).trim().to_owned();
    (!text.is_empty()).then_some(text)
}
