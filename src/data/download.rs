//! One file over HTTP: continued where it was cut, bounded in size, checked against its checksum.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use indicatif::ProgressBar;
use ureq::Agent;
use ureq::http::StatusCode;

use super::files::sha256;
use crate::error::{Error, Result};

/// A published file.
#[derive(Clone, Debug)]
pub struct Download {
    /// Where it is.
    pub url: String,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
    /// Its exact size. Nothing beyond it is stored, whatever the server sends.
    pub bytes: u64,
}

/// Attempts without a new byte after which the download is given up.
const ATTEMPTS: u32 = 5;
/// A connection that stays silent for so long counts as cut.
const SILENCE: Duration = Duration::from_secs(30);

/// Why a transfer ended early.
enum Failure {
    /// The network: another attempt may succeed.
    Cut(String),
    /// Another attempt would end the same way.
    Final(Error),
}

/// Downloads to `part`, continuing what is there, and verifies the checksum; `bar` shows the bytes.
///
/// # Errors
/// A server that refuses, a connection that keeps failing (what has arrived stays in `part` for the next call), or a
/// wrong checksum (`part` is then removed).
pub(super) fn download(download: &Download, part: &Path, bar: &ProgressBar) -> Result<()> {
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        // The bytes as published: a range of a compressed transfer would mean something else.
        .accept_encoding("identity")
        .timeout_connect(Some(SILENCE))
        .timeout_per_read(Some(SILENCE))
        .build()
        .into();
    let (mut furthest, mut failures) = (length(part)?, 0);
    loop {
        let have = length(part)?;
        if have == download.bytes {
            break;
        }
        let cut = match transfer(&agent, download, part, have, bar) {
            Ok(()) => "the connection closed early".to_string(),
            Err(Failure::Cut(reason)) => reason,
            Err(Failure::Final(error)) => return Err(error),
        };
        let now = length(part)?;
        if now == download.bytes {
            break;
        }
        if now > furthest {
            (furthest, failures) = (now, 0);
            log::warn!("{}: {cut}; continuing at byte {now} of {}", download.url, download.bytes);
            continue;
        }
        failures += 1;
        if failures == ATTEMPTS {
            return Err(Error::format(
                &download.url,
                format!(
                    "{cut} ({ATTEMPTS} attempts). Try again later: it continues at byte {now} of {}",
                    download.bytes
                ),
            ));
        }
        log::warn!("{}: {cut}; trying again", download.url);
        sleep(Duration::from_millis(250 << failures));
    }
    let found = sha256(part)?;
    if found != download.sha256 {
        fs::remove_file(part).map_err(|e| Error::io(part, e))?;
        return Err(Error::format(
            &download.url,
            format!(
                "what arrived has the SHA-256 {found}, not {}: it is damaged or not the published file, and was removed. \
                 Try again; if it persists, the server has changed the file",
                download.sha256
            ),
        ));
    }
    Ok(())
}

/// The length of a file, 0 if there is none.
fn length(path: &Path) -> Result<u64> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(e) => Err(Error::io(path, e)),
    }
}

/// One request: asks for what is missing after the first `have` bytes and writes what comes to `part`.
fn transfer(
    agent: &Agent,
    download: &Download,
    part: &Path,
    have: u64,
    bar: &ProgressBar,
) -> std::result::Result<(), Failure> {
    let cut = |e: ureq::Error| Failure::Cut(e.to_string());
    let request = agent.get(&download.url);
    // A file longer than the published one is a leftover of another version: from the start.
    let request = match 0 < have && have < download.bytes {
        true => request.header("Range", format!("bytes={have}-")),
        false => request,
    };
    let mut response = request.call().map_err(cut)?;
    let start = match response.status() {
        // Also what a server answers that does not know ranges.
        StatusCode::OK => 0,
        StatusCode::PARTIAL_CONTENT => {
            let range = response.headers().get("content-range").and_then(|value| value.to_str().ok()).unwrap_or("");
            let start = range.strip_prefix("bytes ").and_then(|r| r.split('-').next()).and_then(|s| s.parse().ok());
            start.filter(|start| *start <= have).ok_or_else(|| {
                Failure::Final(Error::format(
                    &download.url,
                    format!("asked for the bytes from {have}, the server sends \"{range}\". Remove {}", part.display()),
                ))
            })?
        }
        status => {
            let message = format!("the server answers {status}");
            let passing = status.is_server_error()
                || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
            return Err(match passing {
                true => Failure::Cut(message),
                false => Failure::Final(Error::format(
                    &download.url,
                    format!(
                        "{message}: the publisher may have moved the file. data/README.md lists what must be where"
                    ),
                )),
            });
        }
    };
    let disk = |e| Failure::Final(Error::io(part, e));
    let mut file = OpenOptions::new().create(true).append(true).open(part).map_err(disk)?;
    file.set_len(start).map_err(disk)?;
    let (mut at, mut block) = (start, vec![0; 1 << 16]);
    let mut body = response.body_mut().as_reader();
    loop {
        bar.set_position(at);
        let n = body.read(&mut block).map_err(|e| Failure::Cut(e.to_string()))?;
        if n == 0 {
            return Ok(());
        }
        at += n as u64;
        if at > download.bytes {
            return Err(Failure::Final(Error::format(
                &download.url,
                format!("the server sends more than the {} bytes of the published file", download.bytes),
            )));
        }
        file.write_all(&block[..n]).map_err(disk)?;
    }
}
