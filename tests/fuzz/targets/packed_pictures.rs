//! Files of packed pictures.
#![no_main]

use std::fs;
use std::sync::atomic::AtomicBool;

use indicatif::ProgressBar;
use libfuzzer_sys::fuzz_target;
use weightproof::data;
use weightproof::data::pictures::{Encoding, pack};
use weightproof_fuzz::{TINY, catch_others, folder, load, pictures, seed, within, write};

fuzz_target!(init: { catch_others(); seed("packed_pictures", seeds()) }, |input: &[u8]| {
    let dir = folder();
    let path = write(&dir, "set.pictures", input);
    within(8 * 2048 * input.len(), || load(TINY, &path));
});

/// Raw pictures and JPEGs.
fn seeds() -> Vec<Vec<u8>> {
    let dir = folder();
    for (number, picture) in pictures().iter().enumerate() {
        write(&dir, &format!("train/{}/{number}.jpg", number % 2), picture);
    }
    write(&dir, "val/1/bad.jpg", b"no picture");
    let set = data::open(TINY, Some(dir.path())).expect("a set");
    let packed = |encoding| {
        let out = dir.path().join("out");
        pack(&set, encoding, &out, &ProgressBar::hidden(), &AtomicBool::new(false)).expect("packed");
        fs::read(out).expect("the file")
    };
    [Encoding::Raw, Encoding::Jpeg(80)].map(packed).into()
}
