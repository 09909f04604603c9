//! Training crops: their draws, their bytes, and that they are the same whatever the threads and wherever a run goes on.

use std::sync::Arc;

use tempfile::TempDir;
use weightproof::data::crops::{Draws, Stretch};
use weightproof::data::pictures::{Rectangle, Scratch};
use weightproof::data::prepare::prepare_in;
use weightproof::data::{Batches, DataSet, Form, Part, Position, Prepared, Preprocessing, Shape, Source, Split};

use super::folders::{open, three_classes};
use super::random_bytes;

/// Of AlexNet.
const CROP: [usize; 2] = [227, 227];
const STRETCH: Stretch = Stretch { amount: 0.1, largest: [250, 250] };

fn rectangles(of: [usize; 2], count: usize) -> impl Iterator<Item = Rectangle> {
    (0..count).map(move |i| STRETCH.rectangle(CROP, of, Draws { seed: 3, step: (i / 512) as u64 }.of(i % 512)))
}

/// Chi squared of counts beside what is expected of them.
fn chi_squared(counts: &[usize], expected: impl Fn(usize) -> f64) -> f64 {
    counts.iter().enumerate().map(|(i, n)| (*n as f64 - expected(i)).powi(2) / expected(i)).sum()
}

#[test]
fn sides_are_uniform_and_independent() {
    const COUNT: usize = 47_000;
    let mut sides = [[0; 47]; 2];
    let mut both = [[0; 2]; 2];
    for r in rectangles([256, 341], COUNT) {
        for (counts, side) in sides.iter_mut().zip([r.height, r.width]) {
            counts[side - 204] += 1;
        }
        both[usize::from(r.height > 227)][usize::from(r.width > 227)] += 1;
    }
    // round(U(204.3, 249.7)): at the ends a fifth of the others.
    let expected = |i: usize| if i == 0 || i == 46 { 0.2 } else { 1.0 } * COUNT as f64 / 45.4;
    for counts in sides {
        // 46 degrees of freedom: beyond 104 once in 500,000 tries.
        assert!(chi_squared(&counts, expected) < 104.0, "{counts:?}");
    }
    // 22.2 of 45.4 parts are above 227.
    let p = [23.2 / 45.4, 22.2 / 45.4];
    let chi = chi_squared(both.as_flattened(), |i| p[i / 2] * p[i % 2] * COUNT as f64);
    // 3 degrees of freedom: beyond 30 once in 700,000 tries.
    assert!(chi < 30.0, "{both:?}");
}

#[test]
fn every_place_is_as_likely_as_another() {
    let all_of_one_size = Stretch { amount: 0.0, largest: CROP };
    let (mut rows, mut columns) = ([0; 30], [0; 115]);
    for place in 0..100_000 {
        let r = all_of_one_size.rectangle(CROP, [256, 341], Draws { seed: 3, step: 9 }.of(place));
        rows[r.top] += 1;
        columns[r.left] += 1;
    }
    // 29 and 114 degrees of freedom: beyond 78 and 200 once in a million tries or less.
    assert!(chi_squared(&rows, |_| 1e5 / 30.0) < 78.0, "{rows:?}");
    assert!(chi_squared(&columns, |_| 1e5 / 115.0) < 200.0, "{columns:?}");
}

#[test]
fn a_rectangle_is_no_larger_than_its_picture() {
    for r in rectangles([220, 9], 1000) {
        assert!(r.height <= 220 && r.width == 9 && r.left == 0, "{r:?}");
    }
    let all = Stretch { amount: 0.0, largest: CROP };
    let draws = Draws { seed: 1, step: 0 }.of(0);
    assert_eq!(all.rectangle(CROP, CROP, draws), Rectangle { top: 0, left: 0, height: 227, width: 227 });
    for r in rectangles([256, 341], 1000) {
        assert!(r.top + r.height <= 256 && r.left + r.width <= 341, "{r:?}");
    }
}

/// 23 images of 8 rows, 6 columns and three channels, cut with stretch.
fn prepared(workers: usize) -> Arc<Prepared> {
    let shape = Shape { channels: 3, height: 8, width: 6 };
    let split = |count: usize, seed: u32| Split {
        images: Source::memory(shape.features(), random_bytes(count * shape.features(), seed)),
        labels: vec![0; count],
    };
    let set = DataSet {
        name: "small".into(),
        shape,
        classes: vec!["a".into()],
        maximum: 255,
        train: split(23, 1),
        test: split(3, 2),
    };
    let mut prepared = prepare_in(&set, &Preprocessing::RAW, None, None).unwrap();
    prepared.stretch = Some(Stretch { amount: 0.4, largest: [11, 8] });
    prepared.workers = workers;
    Arc::new(prepared)
}

const FORM: Form = Form::Frames { seed: 7, first: 0 };

#[test]
fn frames_are_the_same_for_every_number_of_workers_and_after_a_stop() {
    let take = |workers: usize, step: u64| {
        let batches = Batches::train_in(FORM, prepared(workers), 5, 7, Position { step }).unwrap();
        let batches = batches.take(12 - step as usize).map(Result::unwrap);
        batches.map(|b| (b.images.clone(), b.labels.clone(), b.position.step)).collect::<Vec<_>>()
    };
    let whole = take(1, 0);
    assert!(whole.iter().all(|(images, ..)| images.len() == 5 * prepared(1).frame_words()));
    for workers in [1, 2, 5] {
        for step in [0, 1, 4, 6, 11] {
            assert_eq!(take(workers, step), whole[step as usize..]);
        }
    }
    // Epoch for epoch, and image for image, another rectangle.
    let sizes: Vec<u32> =
        whole.iter().flat_map(|(images, ..)| images.chunks(prepared(1).frame_words()).map(|f| f[0])).collect();
    assert!(sizes.iter().any(|s| *s != sizes[0]));
}

#[test]
fn a_block_of_a_batch_has_the_frames_of_the_whole() {
    let whole = Batches::train_in(FORM, prepared(1), 6, 7, Position { step: 2 }).unwrap();
    let block = Batches::train_block(FORM, prepared(2), 6, 2..5, 7, Position { step: 2 }).unwrap();
    let words = prepared(1).frame_words();
    for (whole, block) in whole.zip(block).take(5) {
        let [whole, block] = [whole, block].map(Result::unwrap);
        assert_eq!((&block.labels[..], &block.chosen[..]), (&whole.labels[2..5], &whole.chosen[2..5]));
        assert_eq!(block.images, whole.images[2 * words..5 * words]);
        assert_eq!((block.valid, block.position), (3, whole.position));
    }
}

#[test]
fn a_frame_has_the_bytes_of_a_rectangle_of_its_image() {
    let data = prepared(1);
    let words = data.frame_words();
    let batch = Batches::train_in(FORM, data.clone(), 23, 7, Position { step: 5 }).unwrap().next().unwrap().unwrap();
    let whole = data.all_words(Part::Train).unwrap();
    for (place, (frame, i)) in batch.images.chunks_exact(words).zip(&batch.chosen).enumerate() {
        let image = &whole[*i as usize * data.words()..][..data.words()];
        let r = data.stretch.unwrap().rectangle([8, 6], [8, 6], Draws { seed: 7, step: 5 }.of(place));
        assert_eq!(frame[0], (r.height | r.width << 16) as u32);
        for (row, column, channel) in
            (0..r.height).flat_map(|row| (0..r.width).flat_map(move |column| (0..3).map(move |c| (row, column, c))))
        {
            let want = byte(image, ((r.top + row) * 6 + r.left + column) * 3 + channel);
            assert_eq!(byte(&frame[1..], (row * r.width + column) * 3 + channel), want);
        }
        let rest = &frame[1..][(r.height * r.width * 3).div_ceil(4)..];
        assert!(rest.iter().all(|word| *word == 0));
    }
}

/// Twelve pictures of several sizes, cut to 32 from a short side of 36.
fn pictures(workers: usize) -> (TempDir, DataSet, Arc<Prepared>) {
    let dir = three_classes();
    let set = open("folder", dir.path());
    let mut prepared = prepare_in(&set, &Preprocessing::RAW, None, None).unwrap();
    prepared.stretch = Some(Stretch { amount: 0.1, largest: [35, 35] });
    prepared.workers = workers;
    (dir, set, Arc::new(prepared))
}

/// Byte `at` of an image or of a frame behind its size.
fn byte(words: &[u32], at: usize) -> u8 {
    (words[at / 4] >> (8 * (at % 4)) & 255) as u8
}

#[test]
fn frames_of_pictures_lie_anywhere_in_them_and_are_the_same_for_every_number_of_workers() {
    let take = |workers: usize, step: u64| {
        let (_dir, _, data) = pictures(workers);
        let batches = Batches::train_in(FORM, data, 5, 7, Position { step }).unwrap().take(7 - step as usize);
        batches.map(|b| b.map(|b| (b.images.clone(), b.chosen.clone())).unwrap()).collect::<Vec<_>>()
    };
    let whole = take(1, 0);
    for (workers, step) in [(2, 0), (5, 0), (1, 3), (5, 3)] {
        assert_eq!(take(workers, step), whole[step as usize..], "{workers} workers from step {step}");
    }
    // A byte of a part may differ by 1 from that of the whole picture.
    let (_dir, set, data) = pictures(1);
    let (scaled, mut scratch) = (set.train.images.pictures().unwrap(), Scratch::default());
    let mut outside = 0;
    for (step, (images, chosen)) in whole.iter().enumerate() {
        for (place, (frame, i)) in images.chunks_exact(data.frame_words()).zip(chosen).enumerate() {
            let picture = scaled.scaled(*i as usize, &mut scratch).unwrap();
            let draws = Draws { seed: 7, step: step as u64 }.of(place);
            let r = data.stretch.unwrap().rectangle([32, 32], [picture.height, picture.width], draws);
            assert_eq!(frame[0], (r.height | r.width << 16) as u32);
            for at in 0..r.height * r.width * 3 {
                let (row, column) = (at / 3 / r.width, at / 3 % r.width);
                let want = picture.pixels[((r.top + row) * picture.width + r.left + column) * 3 + at % 3];
                assert!(byte(&frame[1..], at).abs_diff(want) <= 1, "step {step}, image {place}, byte {at}");
            }
            outside += usize::from(r.left + r.width > picture.width / 2 + 18);
        }
    }
    assert!(outside > 0, "crops lie beyond the middle");
}

#[test]
fn ten_crops_are_the_corners_the_middle_and_their_mirror_images() {
    let (_dir, set, data) = pictures(2);
    let batches = Batches::sequential_in(Form::TenCrops, data.clone(), Part::Test, 2, 0..2).unwrap();
    let batches: Vec<_> = batches.map(Result::unwrap).collect();
    assert_eq!(batches.len(), 2);
    let words = data.words();
    let (scaled, mut scratch) = (set.test.images.pictures().unwrap(), Scratch::default());
    let middles = data.all_words(Part::Test).unwrap();
    for i in 0..3 {
        let crops = &batches[i / 2].images[i % 2 * 10 * words..][..10 * words];
        let picture = scaled.scaled(i, &mut scratch).unwrap();
        let (down, across) = (picture.height - 32, picture.width - 32);
        let corners = [[0, 0], [0, across], [down, 0], [down, across], [down / 2, across / 2]];
        for (k, crop) in crops.chunks_exact(words).enumerate() {
            let [top, left] = corners[k % 5];
            for at in 0..32 * 32 * 3 {
                let (row, column) = (at / 96, at / 3 % 32);
                let column = if k < 5 { column } else { 31 - column };
                let want = picture.pixels[((top + row) * picture.width + left + column) * 3 + at % 3];
                assert_eq!(byte(crop, at), want, "picture {i}, crop {k}, byte {at}");
            }
        }
        // What a test by one crop sees, but for the rounding of a part.
        for at in 0..32 * 32 * 3 {
            assert!(byte(&crops[4 * words..], at).abs_diff(byte(&middles[i * words..], at)) <= 1);
        }
    }
    assert!(batches[1].images[10 * words..].iter().all(|w| *w == 0), "there is no fourth picture");
    assert_eq!(batches[1].valid, 1);
}
