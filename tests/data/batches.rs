//! The order of batches, their padding, and the end of their thread.

use std::collections::HashSet;
use std::sync::Arc;

use weightproof::data::batches::permutation;
use weightproof::data::prepare::prepare_in;
use weightproof::data::{Batches, Form, Part, Position, Prepared, Preprocessing};

use super::small_set;

/// Words of an image: twelve bytes.
const WORDS: usize = 3;

fn prepared(train: usize, test: usize) -> Arc<Prepared> {
    Arc::new(prepare_in(&small_set(train, test), &Preprocessing::RAW, None, None).unwrap())
}

/// The images and labels of the next `count` batches.
fn take(batches: &mut Batches, count: usize) -> Vec<(Vec<u32>, Vec<u32>, u64)> {
    batches.take(count).map(Result::unwrap).map(|b| (b.images.clone(), b.labels.clone(), b.position.step)).collect()
}

#[test]
fn an_epoch_shows_each_image_at_most_once_and_in_a_new_order() {
    let data = prepared(23, 1);
    let mut batches = Batches::train(data.clone(), 5, 7, Position::default()).unwrap();
    assert_eq!(batches.per_epoch(), 4);
    let all = data.all_words(Part::Train).unwrap();
    let epochs = [take(&mut batches, 4), take(&mut batches, 4)];
    for epoch in &epochs {
        let images: Vec<&[u32]> = epoch.iter().flat_map(|(images, ..)| images.chunks_exact(WORDS)).collect();
        let places: HashSet<usize> =
            images.iter().map(|i| all.chunks_exact(WORDS).position(|j| j == *i).unwrap()).collect();
        assert_eq!(places.len(), 20);
    }
    assert_ne!(epochs[0][0].0, epochs[1][0].0);
    assert_eq!(epochs[1][0].2, 4);
}

#[test]
fn labels_stay_with_their_images() {
    let data = prepared(23, 1);
    let all = data.all_words(Part::Train).unwrap();
    for batch in Batches::train(data.clone(), 5, 7, Position::default()).unwrap().take(8).map(Result::unwrap) {
        assert_eq!(batch.valid, 5);
        for (image, label) in batch.images.chunks_exact(WORDS).zip(&batch.labels) {
            let place = all.chunks_exact(WORDS).position(|other| other == image).unwrap();
            assert_eq!(*label, u32::from(data.train.labels[place]));
        }
    }
}

#[test]
fn a_thousand_classes_are_told_apart() {
    let mut set = small_set(1, 4);
    set.classes = (0..1000).map(|i| i.to_string()).collect();
    set.test.labels = vec![999, 256, 0, 512];
    set.check().unwrap();
    let data = Arc::new(prepare_in(&set, &Preprocessing::RAW, None, None).unwrap());
    let batch = Batches::sequential(data, Part::Test, 4).unwrap().next().unwrap().unwrap();
    assert_eq!(batch.labels, [999, 256, 0, 512]);
    set.test.labels[3] = 1000;
    assert!(set.check().unwrap_err().to_string().contains("test image 3 has label 1000"));
}

#[test]
fn a_resumed_run_sees_the_batches_of_an_uninterrupted_one() {
    let data = prepared(23, 1);
    let whole = take(&mut Batches::train(data.clone(), 5, 7, Position::default()).unwrap(), 12);
    for step in [1, 4, 6, 11] {
        let mut resumed = Batches::train(data.clone(), 5, 7, Position { step }).unwrap();
        let rest = &whole[step as usize..];
        assert_eq!(take(&mut resumed, rest.len()), rest);
    }
    let other_seed = take(&mut Batches::train(data, 5, 8, Position::default()).unwrap(), 12);
    assert_ne!(other_seed, whole);
}

#[test]
fn a_sequential_pass_is_in_order_and_pads_its_last_batch_with_zeros() {
    let data = prepared(3, 23);
    let mut batches = Batches::sequential(data.clone(), Part::Test, 5).unwrap();
    assert_eq!(batches.per_epoch(), 5);
    let mut images = Vec::new();
    for number in 0..5 {
        let batch = batches.next().unwrap().unwrap();
        assert_eq!((batch.images.len(), batch.labels.len()), (5 * WORDS, 5));
        assert_eq!(batch.valid, if number == 4 { 3 } else { 5 });
        assert!(batch.images[WORDS * batch.valid..].iter().all(|x| *x == 0));
        assert!(batch.labels[batch.valid..].iter().all(|x| *x == 0));
        images.extend_from_slice(&batch.images[..WORDS * batch.valid]);
    }
    assert_eq!(images, data.all_words(Part::Test).unwrap());
    assert!(batches.next().is_none());
    // Every other batch, by several threads: the last one, too.
    let mut data = data;
    Arc::make_mut(&mut data).workers = 3;
    let some: Vec<_> = Batches::sequential_in(Form::Whole, data, Part::Test, 5, (0..5).step_by(2))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(some.iter().map(|b| b.position.step).collect::<Vec<_>>(), [0, 2, 4]);
    let those: Vec<u32> = some.iter().flat_map(|b| &b.images[..WORDS * b.valid]).copied().collect();
    assert_eq!(those, [0..5, 10..15, 20..23].map(|r| images[r.start * WORDS..r.end * WORDS].to_vec()).concat());
}

#[test]
fn dropping_the_consumer_ends_the_thread() {
    let data = prepared(23, 1);
    let mut batches = Batches::train(data.clone(), 5, 7, Position::default()).unwrap();
    let kept = batches.next().unwrap().unwrap();
    drop(batches);
    // The thread held the only other reference; a batch that is still in use outlives it.
    assert_eq!(Arc::strong_count(&data), 1);
    assert_eq!(kept.valid, 5);
}

#[test]
fn a_batch_that_cannot_be_filled_is_refused() {
    let data = prepared(23, 1);
    for batch in [0, 24] {
        let error = Batches::train(data.clone(), batch, 0, Position::default()).unwrap_err().to_string();
        assert!(error.contains("choose 1 to 23"), "{error}");
    }
    assert!(Batches::sequential(data, Part::Train, 0).is_err());
}

#[test]
fn shuffles_are_uniform() {
    // Where image 0 goes: 6 places, 6000 epochs; chi squared with 5 degrees of freedom exceeds 30 once in 70,000 tries.
    let mut seen = [0u32; 6];
    for epoch in 0..6000 {
        let order = permutation(6, 3, epoch);
        seen[order.iter().position(|i| *i == 0).unwrap()] += 1;
    }
    let chi: f64 = seen.iter().map(|n| (f64::from(*n) - 1000.0).powi(2) / 1000.0).sum();
    assert!(chi < 30.0, "{seen:?}");
}

#[test]
fn batches_without_images_name_the_images_of_those_with() {
    let data = prepared(23, 1);
    let with = Batches::train(data.clone(), 5, 7, Position { step: 3 }).unwrap();
    let without = Batches::train_in(Form::Named, data.clone(), 5, 7, Position { step: 3 }).unwrap();
    let all = data.all_words(Part::Train).unwrap();
    for (with, without) in with.zip(without).take(8) {
        let [with, without] = [with, without].map(Result::unwrap);
        assert!(without.images.is_empty());
        assert_eq!((&with.chosen, &with.labels, with.position), (&without.chosen, &without.labels, without.position));
        let images: Vec<u32> = with.chosen.iter().flat_map(|i| &all[*i as usize * WORDS..][..WORDS]).copied().collect();
        assert_eq!(with.images, images);
    }
    // The last batch of a pass in order has fewer images than places.
    let last = Batches::sequential(data, Part::Train, 5).unwrap().last().unwrap().unwrap();
    assert_eq!((last.valid, &last.chosen[..]), (3, &[20, 21, 22][..]));
}
