//! A profile as JSON lines: a header, a line per scope, a line per kernel. And what an earlier one said, for a
//! comparison.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::rows::{self, Row};
use super::{About, Profile, StepTime};
use crate::error::{Error, Result};

/// Of the lines; a change that a reader must know of raises it.
const FORMAT: u32 = 1;

/// The lines, each with its end.
pub fn lines(profile: &Profile) -> String {
    let sum = rows::sum(profile);
    let header = json!({
        "weightproof_profile": FORMAT,
        "about": profile.about,
        "roofs": profile.roofs,
        "step_ms": profile.step,
        "sum_ms": round(sum.ns[1] / 1e6),
        "start_ms": profile.start,
        "memory_bytes": profile.memory,
        "gflop": round(sum.work.flop / 1e9),
        "gbyte": round(sum.work.bytes / 1e9),
    });
    let scopes = rows::by_scope(profile);
    let kernels = rows::by_kernel(profile);
    let lines = scopes.iter().map(|r| line("scope", r)).chain(kernels.iter().map(|r| line("kernel", r)));
    std::iter::once(header).chain(lines).map(|v| format!("{v}\n")).collect()
}

fn line(kind: &str, r: &Row) -> Value {
    let mut line = json!({
        kind: r.name,
        "kernels": r.kernels,
        "calls": r.calls,
        "us": round(r.ns[1] / 1e3),
        "us_quartiles": [round(r.ns[0] / 1e3), round(r.ns[2] / 1e3)],
        "share": r.share,
        "mflop": round(r.work.flop / 1e6),
        "mbyte": round(r.work.bytes / 1e6),
        "gflops": round(r.gflops()),
        "gbs": round(r.gbs()),
        "flop_per_byte": round(r.intensity()),
        "roof": round(r.roof),
        "bound": r.bound,
    });
    if let Some(rate) = r.gflop_per_cpu_second() {
        line["gflop_per_cpu_s"] = json!(round(rate));
    }
    line
}

/// Six decimals: a picosecond where microseconds are told.
fn round(v: f64) -> f64 {
    (v * 1e6).round() / 1e6
}

/// What an earlier profile said.
#[derive(Clone, Debug, PartialEq)]
pub struct Earlier {
    /// What it was of.
    pub about: About,
    /// Its undisturbed step.
    pub step: StepTime,
    /// `(scope, microseconds)` in its order.
    pub scopes: Vec<(String, f64)>,
}

#[derive(Deserialize)]
struct Header {
    about: About,
    step_ms: StepTime,
}

#[derive(Deserialize)]
struct Scope {
    scope: String,
    us: f64,
}

/// Reads what `profile --json` wrote.
///
/// # Errors
/// A file that cannot be read; one that is no profile, or of another format.
pub fn read(path: &Path) -> Result<Earlier> {
    let text = std::fs::read_to_string(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::InvalidData => {
            Error::format(path, "no text; --against wants what `profile --json` printed")
        }
        _ => Error::io(path, e),
    })?;
    parse(&text).map_err(|message| Error::format(path, message))
}

/// The same from text; the error says what is wrong.
///
/// # Errors
/// As [`read`].
pub fn parse(text: &str) -> std::result::Result<Earlier, String> {
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let wanted = "--against wants what `profile --json` printed";
    let (_, first) = lines.next().ok_or_else(|| format!("the file is empty; {wanted}"))?;
    let value: Value = serde_json::from_str(first).map_err(|e| format!("line 1 is no JSON ({e}); {wanted}"))?;
    match value.get("weightproof_profile").and_then(Value::as_u64) {
        None => return Err(format!("line 1 is no header of a profile; {wanted}")),
        Some(v) if v != u64::from(FORMAT) => {
            return Err(format!("a profile of format {v}, this program reads format {FORMAT}: measure it again"));
        }
        Some(_) => {}
    }
    let header: Header = serde_json::from_value(value).map_err(|e| format!("line 1: {e}"))?;
    let mut scopes = vec![];
    for (i, line) in lines {
        let value: Value = serde_json::from_str(line).map_err(|e| format!("line {}: {e}", i + 1))?;
        if value.get("scope").is_some() {
            let scope: Scope = serde_json::from_value(value).map_err(|e| format!("line {}: {e}", i + 1))?;
            if !scope.us.is_finite() || scope.us < 0.0 {
                return Err(format!("line {}: {} took {} microseconds", i + 1, scope.scope, scope.us));
            }
            scopes.push((scope.scope, scope.us));
        }
    }
    if scopes.is_empty() {
        return Err(format!("a header without scopes; {wanted}"));
    }
    Ok(Earlier { about: header.about, step: header.step_ms, scopes })
}
