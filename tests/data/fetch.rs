//! Downloads from a server on this machine that cuts connections, ignores ranges and serves the wrong file.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread::{self, JoinHandle};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use weightproof::data::fetch::{Download, Spec, fetch, spec};

use super::random_bytes;

/// What the server does with one connection.
#[derive(Clone, Copy)]
enum Answer {
    /// All that is asked for.
    Whole,
    /// That much of what is asked for, then it hangs up.
    Cut(usize),
    /// The whole file whatever range is asked for.
    IgnoreRange,
    /// Nothing but this status.
    Status(&'static str),
}

/// Serves `body` on one connection per answer; the value of the thread is the range asked for on each.
fn serve(body: Vec<u8>, answers: Vec<Answer>) -> (String, JoinHandle<Vec<Option<usize>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        let mut ranges = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
            let range = lines.take_while(|line| !line.is_empty()).find_map(|line| {
                let line = line.to_lowercase();
                Some(line.strip_prefix("range: bytes=")?.strip_suffix('-')?.parse::<usize>().unwrap())
            });
            ranges.push(range);
            let start = if matches!(answer, Answer::IgnoreRange) { 0 } else { range.unwrap_or(0) };
            let (status, rest) = match answer {
                Answer::Status(status) => (status, &[][..]),
                _ if start > 0 => ("206 Partial Content", &body[start..]),
                _ => ("200 OK", &body[..]),
            };
            let sent = if let Answer::Cut(n) = answer { &rest[..n] } else { rest };
            let content_range = format!("Content-Range: bytes {start}-{}/{}\r\n", body.len() - 1, body.len());
            let content_range = if start > 0 { &content_range } else { "" };
            let length = rest.len();
            let head =
                format!("HTTP/1.1 {status}\r\n{content_range}Content-Length: {length}\r\nConnection: close\r\n\r\n");
            // The client may hang up early, when it has seen enough.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(sent));
        }
        ranges
    });
    (address, thread)
}

fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A `.tar.gz` with the given entries.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (path, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        // Written directly, because the safe way refuses the paths that the tests are about.
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        tar.append(&header, *bytes).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// How to get the folder `set` with the file `a.bin` from the archive `body`.
fn archive_spec(address: &str, body: &[u8], a: &[u8]) -> Spec {
    Spec {
        folder: "set".into(),
        downloads: vec![Download { url: format!("{address}/set.tar.gz"), sha256: sum(body), bytes: body.len() as u64 }],
        files: vec![("a.bin".into(), sum(a))],
        unpacked: 1_000_000,
    }
}

/// The names in a folder, sorted.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_set_that_another_process_fetches_is_left_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let spec = Spec { folder: "set".into(), downloads: vec![], files: vec![("x".into(), "0".into())], unpacked: 0 };
    let lock = weightproof::files::Lock::take(&dir.path().join(".set.lock"), dir.path()).unwrap();
    let e = fetch(&spec, dir.path(), true).unwrap_err().to_string();
    assert!(e.contains(&format!("process {} on ", std::process::id())) && e.contains("is writing here"), "{e}");
    drop(lock);
    let e = fetch(&spec, dir.path(), true).unwrap_err().to_string();
    assert!(!e.contains("is writing here"), "{e}");
    assert_eq!(names(dir.path()), [""; 0], "no lock stays");
}

#[test]
fn a_cut_download_continues_where_it_stopped() {
    let a = random_bytes(50_000, 1);
    let body = archive(&[("set/a.bin", &a), ("set/readme.html", b"hello")]);
    let answers = vec![Answer::Cut(20_000), Answer::Cut(10_000), Answer::Whole];
    let (address, server) = serve(body.clone(), answers);
    let dest = tempfile::tempdir().unwrap();
    let spec = archive_spec(&address, &body, &a);
    let folder = fetch(&spec, &dest.path().join("new"), true).unwrap();
    assert_eq!(server.join().unwrap(), [None, Some(20_000), Some(30_000)]);
    assert_eq!(fs::read(folder.join("a.bin")).unwrap(), a);
    assert_eq!(names(&dest.path().join("new")), ["set"], "neither archive nor temporary folder is left");
    // The server is gone, and not needed.
    assert_eq!(fetch(&spec, &dest.path().join("new"), true).unwrap(), folder);
}

#[test]
fn a_server_without_ranges_makes_the_download_start_again() {
    let a = random_bytes(5000, 2);
    let body = archive(&[("set/a.bin", &a)]);
    let (address, server) = serve(body.clone(), vec![Answer::Cut(3000), Answer::IgnoreRange]);
    let dest = tempfile::tempdir().unwrap();
    let folder = fetch(&archive_spec(&address, &body, &a), dest.path(), true).unwrap();
    assert_eq!(server.join().unwrap(), [None, Some(3000)]);
    assert_eq!(fs::read(folder.join("a.bin")).unwrap(), a);
}

#[test]
fn a_passing_failure_of_the_server_is_tried_again_and_a_final_one_is_not() {
    let a = random_bytes(5000, 3);
    let body = archive(&[("set/a.bin", &a)]);
    let (address, server) = serve(body.clone(), vec![Answer::Status("503 Service Unavailable"), Answer::Whole]);
    let dest = tempfile::tempdir().unwrap();
    fetch(&archive_spec(&address, &body, &a), dest.path(), true).unwrap();
    assert_eq!(server.join().unwrap().len(), 2);

    let (address, server) = serve(body.clone(), vec![Answer::Status("404 Not Found")]);
    let dest = tempfile::tempdir().unwrap();
    let error = fetch(&archive_spec(&address, &body, &a), dest.path(), true).unwrap_err().to_string();
    assert!(error.contains("set.tar.gz") && error.contains("404"), "{error}");
    assert_eq!(server.join().unwrap().len(), 1);
}

#[test]
fn an_interrupted_call_is_continued_by_the_next() {
    let a = random_bytes(5000, 4);
    let body = archive(&[("set/a.bin", &a)]);
    let dest = tempfile::tempdir().unwrap();
    fs::write(dest.path().join("set.tar.gz.part"), &body[..1234]).unwrap();
    let (address, server) = serve(body.clone(), vec![Answer::Whole]);
    fetch(&archive_spec(&address, &body, &a), dest.path(), true).unwrap();
    assert_eq!(server.join().unwrap(), [Some(1234)]);
}

#[test]
fn a_wrong_checksum_leaves_nothing_behind() {
    let body = archive(&[("set/a.bin", b"other")]);
    let (address, server) = serve(body.clone(), vec![Answer::Whole]);
    let dest = tempfile::tempdir().unwrap();
    let mut spec = archive_spec(&address, &body, b"other");
    spec.downloads[0].sha256 = sum(b"what was published");
    let error = fetch(&spec, dest.path(), true).unwrap_err().to_string();
    server.join().unwrap();
    assert!(error.contains("SHA-256") && error.contains("was removed"), "{error}");
    assert!(names(dest.path()).is_empty());
}

#[test]
fn a_server_that_sends_too_much_is_stopped() {
    let body = archive(&[("set/a.bin", &random_bytes(100_000, 5))]);
    let (address, server) = serve(body.clone(), vec![Answer::Whole]);
    let dest = tempfile::tempdir().unwrap();
    let mut spec = archive_spec(&address, &body, b"");
    spec.downloads[0].bytes = 1000;
    let error = fetch(&spec, dest.path(), true).unwrap_err().to_string();
    server.join().unwrap();
    assert!(error.contains("more than the 1000 bytes"), "{error}");
}

#[test]
fn an_archive_that_reaches_outside_its_folder_is_refused() {
    for evil in ["../evil", "set/../../evil", "/tmp/evil", "other/evil", "set/deeper/evil", "evil"] {
        let body = archive(&[("set/a.bin", b"a"), (evil, b"b")]);
        let (address, server) = serve(body.clone(), vec![Answer::Whole]);
        let parent = tempfile::tempdir().unwrap();
        let dest = parent.path().join("dest");
        let error = fetch(&archive_spec(&address, &body, b"a"), &dest, true).unwrap_err().to_string();
        server.join().unwrap();
        assert!(error.contains("evil") && error.contains("refused"), "{error}");
        assert_eq!(names(parent.path()), ["dest"]);
        assert!(!dest.join("set").exists());
    }
}

#[test]
fn an_archive_that_unpacks_to_too_much_is_refused() {
    let zeros = vec![0; 2_000_000];
    let body = archive(&[("set/a.bin", &zeros)]);
    let (address, server) = serve(body.clone(), vec![Answer::Whole]);
    let dest = tempfile::tempdir().unwrap();
    let error = fetch(&archive_spec(&address, &body, &zeros), dest.path(), true).unwrap_err().to_string();
    server.join().unwrap();
    assert!(error.contains("more than 1000000 bytes"), "{error}");
    assert!(!dest.path().join("set").exists());
}

#[test]
fn a_damaged_folder_is_repaired_and_other_files_in_it_stay() {
    let bytes = random_bytes(700, 6);
    let (address, server) = serve(bytes.clone(), vec![Answer::Whole, Answer::Whole]);
    let dest = tempfile::tempdir().unwrap();
    let set = dest.path().join("set");
    fs::create_dir(&set).unwrap();
    fs::write(set.join("one.gz"), "damaged").unwrap();
    // A file may lie on another disk.
    let elsewhere = tempfile::tempdir().unwrap();
    #[cfg(unix)]
    {
        fs::rename(set.join("one.gz"), elsewhere.path().join("real")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path().join("real"), set.join("one.gz")).unwrap();
    }
    fs::write(set.join("notes.txt"), "mine").unwrap();
    let download = |name: &str| Download { url: format!("{address}/{name}"), sha256: sum(&bytes), bytes: 700 };
    let spec = Spec {
        folder: "set".into(),
        downloads: vec![download("one.gz"), download("two.gz")],
        files: vec![("one.gz".into(), sum(&bytes)), ("two.gz".into(), sum(&bytes))],
        unpacked: 0,
    };
    fetch(&spec, dest.path(), true).unwrap();
    server.join().unwrap();
    assert_eq!(names(dest.path()), ["set"]);
    assert_eq!(names(&set), ["notes.txt", "one.gz", "two.gz"]);
    assert_eq!(fs::read(set.join("one.gz")).unwrap(), bytes);
    if cfg!(unix) {
        assert_eq!(fs::read(elsewhere.path().join("real")).unwrap(), bytes);
    }
}

#[test]
fn the_published_sets_are_described_in_full() {
    let cifar10 = spec("cifar10").unwrap();
    assert_eq!((cifar10.downloads.len(), cifar10.files.len()), (1, 6));
    let mnist = spec("mnist").unwrap();
    assert_eq!((mnist.downloads.len(), mnist.files.len()), (4, 4));
    assert!(mnist.files.iter().zip(&mnist.downloads).all(|(file, d)| d.url.ends_with(&file.0) && d.sha256 == file.1));
    assert!(spec("digits").unwrap_err().to_string().contains("nothing to fetch"));
    assert!(spec("imagenet32").unwrap_err().to_string().contains("log in at"));
    assert!(spec("minst").unwrap_err().to_string().contains("\"mnist\""));
}
