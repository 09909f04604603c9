//! Pictures in tar files, tars in these, and the index that is kept beside them.
#![no_main]

use std::fs::File;
use std::time::{Duration, UNIX_EPOCH};

use libfuzzer_sys::fuzz_target;
use weightproof_fuzz::{TINY, catch_others, folder, head, load, pictures, seed, within, write};

fuzz_target!(init: { catch_others(); seed("tar", seeds()) }, |input: &[u8]| {
    let (length, rest) = head::<2>(input);
    let (index, tar) = rest.split_at(usize::from(u16::from_le_bytes(length)).min(rest.len()));
    let dir = folder();
    let path = write(&dir, "train.tar", tar);
    if !index.is_empty() {
        let at = UNIX_EPOCH + Duration::from_secs(1);
        File::options().write(true).open(&path).and_then(|file| file.set_modified(at)).expect("a time");
        let start = format!(r#"{{"bytes":{},"modified":1000000000,"entries":"#, tar.len());
        write(&dir, "train.tar.index", &[start.as_bytes(), index, b"}"].concat());
    }
    within(8 * 2048 * input.len(), || load(TINY, dir.path()));
});

/// A tar of files.
fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(vec![]);
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *content).expect("an entry");
    }
    tar.into_inner().expect("a tar")
}

/// Shards, class folders, tars in a tar, a long name, and an index.
fn seeds() -> Vec<Vec<u8>> {
    let pictures = pictures();
    let of_class = tar(&[("0.JPEG", &pictures[0]), ("1.JPEG", &pictures[1])]);
    let long = format!("{}/a.png", "long".repeat(40));
    let with = |index: &str, tar: &[u8]| [&(index.len() as u16).to_le_bytes(), index.as_bytes(), tar].concat();
    let index =
        r#"[{"name":"a/0.png","at":{"start":512,"end":622}},{"name":"a/0.cls","at":{"start":0,"end":1},"class":1}]"#;
    vec![
        with("", &tar(&[("0.cls", b"1"), ("0.jpg", &pictures[2]), ("1.cls", b"0\n"), ("1.png", &pictures[0])])),
        with("", &tar(&[("a/0.jpg", &pictures[3]), ("./b/0.png", &pictures[0]), (&long, &pictures[0])])),
        with("", &tar(&[("n1.tar", &of_class), ("n2.tar", &of_class)])),
        with(index, &of_class),
    ]
}
