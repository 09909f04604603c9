//! Data sets: reading, preprocessing, batches, download. No network but this machine's own address.

mod bad_pictures;
mod batches;
mod crops;
mod fetch;
mod folders;
mod imagenet32;
mod layouts;
mod packed;
mod pickles;
mod pictures;
mod prepare;
mod sets;
mod stream;

use weightproof::data::{DataSet, Shape, Source, Split};
use weightproof::philox::philox4x32;

/// Random bytes, the same for the same `seed`.
fn random_bytes(count: usize, seed: u32) -> Vec<u8> {
    (0..count as u32).map(|i| philox4x32([i, 0, 0, 0], [seed, 0])[0] as u8).collect()
}

/// A set of `train` + `test` images of two channels of 3x2 whose values are correlated, in three classes.
fn small_set(train: usize, test: usize) -> DataSet {
    let shape = Shape { channels: 2, height: 3, width: 2 };
    let split = |count: usize, seed: u32| {
        let noise = random_bytes(count * shape.features(), seed);
        let images = noise
            .chunks_exact(shape.features())
            .flat_map(|image| image.iter().enumerate().map(|(i, x)| x / 3 + image[i / 2] / 3 + image[0] / 3))
            .collect();
        Split { images: Source::memory(shape.features(), images), labels: (0..count).map(|i| (i % 3) as u16).collect() }
    };
    DataSet {
        name: "small".into(),
        shape,
        classes: ["a", "b", "c"].map(String::from).to_vec(),
        maximum: 255,
        train: split(train, 1),
        test: split(test, 2),
    }
}
