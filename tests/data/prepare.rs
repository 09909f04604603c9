//! Scaling, contrast normalisation, whitening and the cache.

use std::fs;
use std::path::{Path, PathBuf};

use weightproof::data::gcn::gcn;
use weightproof::data::prepare::prepare_in;
use weightproof::data::zca::Zca;
use weightproof::data::{DataSet, Part, Prepared, Preprocessing, Scale, Shape, Source, Split};

use super::{random_bytes, small_set};

/// X[i,j] = (37 i^2 + 91 i j + 53 j + 11 j^2) mod 256, six images of five values, contrast-normalised to norm 55.
fn golden_images() -> Vec<f64> {
    let mut images: Vec<f64> = (0..6u32)
        .flat_map(|i| (0..5u32).map(move |j| f64::from((37 * i * i + 91 * i * j + 53 * j + 11 * j * j) % 256)))
        .collect();
    images.chunks_exact_mut(5).for_each(|image| gcn(image, 55.0));
    images
}

/// The images to learn from and to be judged by.
fn values(prepared: &Prepared) -> [Vec<f32>; 2] {
    [Part::Train, Part::Test].map(|part| prepared.values(part).unwrap())
}

fn assert_close(got: impl IntoIterator<Item = f64>, want: &[f64], tolerance: f64) {
    let got: Vec<f64> = got.into_iter().collect();
    assert_eq!(got.len(), want.len());
    for (g, w) in got.iter().zip(want) {
        assert!((g - w).abs() <= tolerance, "{g} is not {w}: {got:?}");
    }
}

#[test]
fn contrast_normalisation_gives_the_golden_numbers() {
    let golden = [-27.20221334, -2.18868383, 31.42324644, -26.42054054, 24.38819127];
    assert_close(golden_images()[..5].to_vec(), &golden, 1e-7);
}

#[test]
fn contrast_normalisation_turns_a_constant_image_into_zeros() {
    let mut image = [0.1; 3072];
    gcn(&mut image, 55.0);
    assert_close(image, &[0.0; 3072], 1e-12);
}

#[test]
fn whitening_gives_the_golden_numbers() {
    let mut images = golden_images();
    let zca = Zca::fit(6, 5, 0.1, |i, x| {
        x.copy_from_slice(&images[5 * i..][..5]);
        Ok(())
    })
    .unwrap();
    let row: Vec<f64> = (0..5).map(|j| zca.matrix()[(0, j)]).collect();
    assert_close(row, &[0.74224918, 0.61493266, 0.62133473, 0.56768535, 0.61607574], 1e-7);
    let mut white = vec![0.0; 30];
    zca.whiten(&mut images, &mut white);
    assert_close(white[..5].to_vec(), &[0.26089329, -0.60649285, 1.07061197, -1.34037358, 0.61536118], 1e-7);
    assert_close(white[25..].to_vec(), &[0.36169764, -1.0307942, 0.76538421, 1.21821187, -1.31449952], 1e-7);
}

#[test]
fn whitened_training_images_have_mean_zero_and_unit_covariance() {
    // More than a block of images, and not a multiple of one.
    let data = small_set(2345, 10);
    let preprocessing = Preprocessing { scale: Scale::Raw, mean: None, gcn: None, zca: Some(1e-6) };
    let white = prepare_in(&data, &preprocessing, None, None).unwrap().values(Part::Train).unwrap();
    let mut covariance = [[0.0; 12]; 12];
    let mut mean = [0.0; 12];
    for image in white.chunks_exact(12) {
        for i in 0..12 {
            mean[i] += f64::from(image[i]) / 2345.0;
            for j in 0..12 {
                covariance[i][j] += f64::from(image[i]) * f64::from(image[j]) / 2345.0;
            }
        }
    }
    assert_close(mean, &[0.0; 12], 1e-5);
    for (i, row) in covariance.into_iter().enumerate() {
        let identity: Vec<f64> = (0..12).map(|j| if i == j { 1.0 } else { 0.0 }).collect();
        assert_close(row, &identity, 1e-4);
    }
}

#[test]
fn the_limit_of_training_images_changes_no_number() {
    let data = small_set(50, 5);
    for preprocessing in [Preprocessing::GCN_ZCA, Preprocessing::UNIT] {
        let all = prepare_in(&data, &preprocessing, None, None).unwrap();
        let some = prepare_in(&data, &preprocessing, Some(20), None).unwrap();
        let [train, test] = values(&all);
        assert_eq!(values(&some), [train[..20 * 12].to_vec(), test]);
        assert_eq!(some.train.labels, all.train.labels[..20]);
        assert_eq!(values(&prepare_in(&data, &preprocessing, Some(1000), None).unwrap()), values(&all));
    }
}

#[test]
fn channels_come_last_and_bytes_become_minus_one_to_one() {
    let mut data = small_set(1, 1);
    data.train.images = Source::memory(12, vec![0, 16, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]);
    data.maximum = 16;
    let [raw, _] = values(&prepare_in(&data, &Preprocessing::RAW, None, None).unwrap());
    assert_eq!(raw, [0., 10., 16., 11., 2., 12., 3., 13., 4., 14., 5., 15.]);
    let [unit, _] = values(&prepare_in(&data, &Preprocessing::UNIT, None, None).unwrap());
    assert_eq!(unit[..4], [-1., 0.25, 1., 0.375]);
}

/// The files of a cache with this ending.
fn cached(cache: &Path, ending: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|e| e == ending)).collect()
}

#[test]
fn a_damaged_cache_is_noticed_and_replaced() {
    let (data, cache) = (small_set(40, 7), tempfile::tempdir().unwrap());
    let prepared = || prepare_in(&data, &Preprocessing::GCN_ZCA, None, Some(cache.path())).unwrap();
    let first = prepared();
    let [images, whitening] = ["images", "whitening"].map(|ending| cached(cache.path(), ending).remove(0));
    for file in [&images, &whitening] {
        let stored = fs::read(file).unwrap();
        let mut flipped = stored.clone();
        flipped[100] ^= 1;
        for damaged in [&flipped[..], &stored[..50], &[]] {
            fs::write(file, damaged).unwrap();
            if file == &whitening {
                // It is read where images are to be whitened.
                fs::remove_file(&images).unwrap();
            }
            assert_eq!(values(&prepared()), values(&first));
            assert_eq!(fs::read(file).unwrap(), stored);
        }
    }
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 2, "no temporary file is left");
}

#[test]
fn the_cache_is_read_and_not_computed_again() {
    let (data, cache) = (small_set(40, 7), tempfile::tempdir().unwrap());
    let prepared = || prepare_in(&data, &Preprocessing::GCN_ZCA, None, Some(cache.path())).unwrap();
    let first = prepared();
    let file = cached(cache.path(), "images").remove(0);
    let written = fs::metadata(&file).unwrap().modified().unwrap();
    assert_eq!(values(&prepared()), values(&first));
    assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), written);
}

#[test]
fn whatever_changes_the_images_changes_the_cache_key() {
    let cache = tempfile::tempdir().unwrap();
    let base = small_set(40, 7);
    let mut other_byte = base.clone();
    let [train, mut test] = [&base.train, &base.test].map(|split| split.images.values().unwrap());
    test[3] ^= 1;
    other_byte.test.images = Source::memory(12, test.clone());
    test[3] ^= 1;
    let mut other_split = base.clone();
    other_split.train.images = Source::memory(12, [&train[..], &test[..12]].concat());
    other_split.test.images = Source::memory(12, test[12..].to_vec());
    other_split.train.labels.extend(other_split.test.labels.drain(..1));
    let p = Preprocessing::GCN_ZCA;
    let cases = [
        (&base, p),
        (&base, Preprocessing { gcn: Some(54.0), ..p }),
        (&base, Preprocessing { gcn: None, ..p }),
        (&base, Preprocessing { zca: Some(0.2), ..p }),
        (&base, Preprocessing { scale: Scale::Unit, ..p }),
        (&other_byte, p),
        (&other_split, p),
    ];
    for (data, preprocessing) in &cases {
        prepare_in(data, preprocessing, None, Some(cache.path())).unwrap();
    }
    for ending in ["images", "whitening"] {
        assert_eq!(cached(cache.path(), ending).len(), cases.len());
    }
}

#[test]
fn a_cache_that_cannot_be_written_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let no_folder = folder.path().join("file");
    fs::write(&no_folder, "").unwrap();
    let data = small_set(10, 2);
    assert!(prepare_in(&data, &Preprocessing::GCN_ZCA, None, Some(&no_folder)).is_ok());
}

#[test]
fn parameters_that_make_no_sense_are_refused() {
    let data = small_set(10, 2);
    let p = Preprocessing::GCN_ZCA;
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        for preprocessing in [Preprocessing { gcn: Some(bad), ..p }, Preprocessing { zca: Some(bad), ..p }] {
            let error = prepare_in(&data, &preprocessing, None, None).unwrap_err().to_string();
            assert!(error.contains("must be positive"), "{error}");
        }
    }
    assert!(prepare_in(&data, &p, Some(0), None).is_err());
    let mut data = small_set(10, 2);
    data.train.labels[4] = 3;
    let error = prepare_in(&data, &p, None, None).unwrap_err().to_string();
    assert!(error.contains("training image 4 has label 3"), "{error}");
}

#[test]
fn images_stay_bytes_unless_contrast_normalisation_or_whitening_make_more_of_them() {
    for (preprocessing, value) in [
        (Preprocessing::RAW, (|byte| f32::from(byte)) as fn(u8) -> f32),
        (Preprocessing::UNIT, |byte| (f64::from(byte) * (2.0 / 255.0) - 1.0) as f32),
    ] {
        let set = small_set(5, 3);
        let prepared = prepare_in(&set, &preprocessing, None, None).unwrap();
        let words = prepared.all_words(Part::Test).unwrap();
        assert_eq!((prepared.words(), words.len()), (3, 3 * 3), "12 values, three words");
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        // The file has [channel][row][column].
        let file = set.test.images.values().unwrap();
        assert_eq!([bytes[0], bytes[1], bytes[2]], [file[0], file[6], file[1]]);
        let want: Vec<f32> = bytes.iter().map(|byte| value(*byte)).collect();
        assert_eq!(prepared.values(Part::Test).unwrap(), want);
        assert_eq!(prepared.levels.expect("levels").values, (0..=255).map(value).collect::<Vec<_>>());
    }
    let normalised = Preprocessing { gcn: Some(1.0), ..Preprocessing::RAW };
    let refused = Preprocessing { mean: Some([1.0; 3]), ..Preprocessing::RAW };
    let error = prepare_in(&small_set(5, 3), &refused, None, None).unwrap_err().to_string();
    assert!(error.contains("three channels"), "the set has two: {error}");
    let prepared = prepare_in(&small_set(5, 3), &normalised, None, None).unwrap();
    assert!(prepared.levels.is_none() && prepared.all_words(Part::Test).unwrap().len() == 3 * 12);
}

#[test]
fn a_mean_is_subtracted_before_the_scale() {
    let shape = Shape { channels: 3, height: 2, width: 3 };
    let split =
        |count: usize| Split { images: Source::memory(18, random_bytes(18 * count, 4)), labels: vec![0; count] };
    let (name, classes) = ("small".into(), vec!["a".into()]);
    let set = DataSet { name, shape, classes, maximum: 255, train: split(4), test: split(1) };
    let mean = [123.68, 116.779, 103.939];
    for (scale, factor) in [(Scale::Raw, 1.0), (Scale::Unit, 2.0 / 255.0)] {
        let preprocessing = Preprocessing { scale, mean: Some(mean), ..Preprocessing::RAW };
        let prepared = prepare_in(&set, &preprocessing, None, None).unwrap();
        let file = set.train.images.values().unwrap();
        for (i, value) in prepared.values(Part::Train).unwrap().into_iter().enumerate() {
            let (image, pixel, channel) = (i / 18, i / 3 % 6, i % 3);
            let want = factor * (f64::from(file[image * 18 + channel * 6 + pixel]) - mean[channel]);
            assert!((f64::from(value) - want).abs() < 1e-5 * factor * 255.0, "{i}: {value} {want}");
        }
        // Between whole bytes as between their neighbours.
        let levels = prepared.levels.unwrap();
        let affine = levels.affine(3);
        for (channel, byte) in [(0, 0u8), (1, 17), (2, 255)] {
            let line = f64::from(affine[channel]) * f64::from(byte) + f64::from(affine[3 + channel]);
            assert!((line - f64::from(levels.value(byte, channel))).abs() < 1e-6 * factor * 255.0);
        }
    }
}
