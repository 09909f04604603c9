//! Pickles, as CIFAR and ImageNet32 come in them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weightproof_fuzz::{fixture, folder, link, load, seed, within, write};

fuzz_target!(init: seed("pickle", seeds()), |input: &[u8]| {
    let dir = folder();
    let path = write(&dir, "train_data_batch_1", input);
    let others: Vec<String> = (2..=10).map(|i| format!("train_data_batch_{i}")).collect();
    link(&path, &others.iter().map(String::as_str).chain(["val_data"]).collect::<Vec<_>>());
    let cifar10 = write(&dir, "data_batch_1", input);
    link(&cifar10, &["data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch", "train", "test"]);
    // A byte may be an object; eleven files are held in the end.
    within(256 * input.len(), || {
        for set in ["imagenet32", "cifar10", "cifar100"] {
            load(set, dir.path());
        }
    });
});

/// What Python wrote of ImageNet32; and an image of CIFAR as numpy pickles it.
fn seeds() -> Vec<Vec<u8>> {
    let array = b"U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x01M\x00\x0c\x86\
        cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T\x00\x0c\x00\x00";
    let labels = b"\x80\x02}(U\x06labels]K\x07aU\x0bfine_labels]K\x07aU\x0dcoarse_labels]K\x01a";
    let cifar = [&labels[..], array, &[7; 3072], b"tbu."].concat();
    vec![cifar, fixture("tests/reference/imagenet32/val_data")]
}
