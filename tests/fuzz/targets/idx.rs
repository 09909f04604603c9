//! MNIST's files, plain and gzipped.
#![no_main]

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use weightproof_fuzz::{folder, head, link, load, seed, within, write};

fuzz_target!(init: seed("idx", seeds()), |input: &[u8]| {
    let ([gzipped, low, high], rest) = head(input);
    let (labels, images) = rest.split_at(usize::from(u16::from_le_bytes([low, high])).min(rest.len()));
    let dir = folder();
    for (what, content, gzipped) in [("labels-idx1", labels, gzipped & 1), ("images-idx3", images, gzipped & 2)] {
        let name = |part: &str| format!("{part}-{what}-ubyte{}", if gzipped > 0 { ".gz" } else { "" });
        link(&write(&dir, &name("train"), content), &[&name("t10k")]);
    }
    // What is unpacked, twice, as it grows and where it is put together.
    within(8 * 1032 * input.len(), || load("mnist", dir.path()));
});

/// Two images, in all four ways.
fn seeds() -> impl Iterator<Item = Vec<u8>> {
    let labels = [&[0, 0, 8, 1, 0, 0, 0, 2][..], &[3, 4]].concat();
    let images =
        [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 2][..], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]].concat();
    (0..4).map(move |gzipped: u8| {
        let packed = |content: &[u8], gzipped: u8| {
            let mut out = GzEncoder::new(vec![], Compression::default());
            out.write_all(content).expect("memory takes all");
            if gzipped > 0 { out.finish().expect("memory takes all") } else { content.to_vec() }
        };
        let (labels, images) = (packed(&labels, gzipped & 1), packed(&images, gzipped & 2));
        [&[gzipped][..], &(labels.len() as u16).to_le_bytes(), &labels, &images].concat()
    })
}
