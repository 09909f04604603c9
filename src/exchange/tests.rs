use std::time::{Duration, Instant};

use super::*;

const LIMIT: Duration = Duration::from_secs(20);

/// Runs `work` as every rank of a run over so many, each on a thread of its own; what they return, by rank.
fn ranks<T: Send>(count: usize, work: impl Fn(Exchange) -> T + Sync) -> Vec<T> {
    ranks_with(count, LIMIT, None, work)
}

fn ranks_with<T: Send>(
    count: usize,
    limit: Duration,
    throttle: Option<Throttle>,
    work: impl Fn(Exchange) -> T + Sync,
) -> Vec<T> {
    let meeting = Meeting::open(count).unwrap();
    let invitations: Vec<Invitation> = (1..count).map(|rank| meeting.invitation(rank)).collect();
    std::thread::scope(|scope| {
        let work = &work;
        let joined = invitations.into_iter().map(|invitation| {
            let invitation: Invitation = invitation.to_string().parse().unwrap();
            scope.spawn(move || work(Exchange::new(invitation.accept(LIMIT, throttle).unwrap(), limit)))
        });
        let others: Vec<_> = joined.collect();
        let first = work(Exchange::new(meeting.gather(LIMIT, throttle, || Ok(())).unwrap(), limit));
        std::iter::once(first).chain(others.into_iter().map(|other| other.join().unwrap())).collect()
    })
}

fn floats(words: &[u32]) -> &[f32] {
    bytemuck::cast_slice(words)
}

/// Numbers of many sizes, whose sums depend on their order.
fn uneven(shard: usize) -> Vec<f32> {
    (0..1000)
        .map(|i| (((i * 7919 + shard * 104_729) % 2003) as f32 - 1001.0) * 10f32.powi((i * shard) as i32 % 9 - 4))
        .collect()
}

fn add(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// The sum of a block of shards as one process adds them: a binary counter, behind shard i as many additions as i has trailing ones.
fn counted(shards: std::ops::Range<usize>) -> Vec<f32> {
    let mut waiting: Vec<Vec<f32>> = vec![];
    for (i, shard) in shards.enumerate() {
        let mut sum = uneven(shard);
        for _ in 0..i.trailing_ones() {
            sum = add(&waiting.pop().unwrap(), &sum);
        }
        waiting.push(sum);
    }
    waiting.pop().unwrap()
}

#[test]
fn ranks_whose_words_differ_are_named() {
    let compare = |odd: usize| {
        ranks(4, |exchange| {
            let own = vec![7, u32::from(exchange.rank() == odd)];
            let compared = exchange.same(own, "weights").and_then(|()| exchange.all_here());
            compared.map_err(|error| {
                exchange.fail(&error);
                error.to_string()
            })
        })
    };
    assert_eq!(compare(4), vec![Ok(()); 4]);
    for (odd, pair) in [(1, "rank 1 and rank 0"), (2, "rank 3 and rank 2"), (3, "rank 3 and rank 2")] {
        let why = format!("{pair} have different weights");
        assert!(compare(odd).iter().all(|compared| compared.as_ref().is_err_and(|e| e.contains(&why))), "{odd}");
    }
}

#[test]
fn sums_have_the_order_of_one_process_on_any_number_of_ranks() {
    const SHARDS: usize = 8;
    let whole = counted(0..SHARDS);
    assert!(whole != (1..SHARDS).fold(uneven(0), |sum, shard| add(&sum, &uneven(shard))), "the order shows");
    for count in [1, 2, 4, 8] {
        let sums = ranks(count, |exchange| {
            let block = SHARDS / count;
            let own = counted(exchange.rank() * block..(exchange.rank() + 1) * block);
            let up = exchange.up(bytemuck::cast_slice(&own).to_vec(), |_, own, received| {
                *own = bytemuck::cast_slice(&add(floats(own), floats(&received))).to_vec();
                Ok(())
            });
            exchange.down(up.unwrap()).unwrap()
        });
        assert!(sums.iter().all(|sum| *floats(sum) == whole), "{count} ranks");
    }
}

#[test]
fn text_goes_down_and_all_wait_for_all() {
    let texts = ranks(4, |exchange| {
        let text = exchange.down_text((exchange.rank() == 0).then_some("lr = 0.1, größer")).unwrap();
        exchange.all_here().unwrap();
        text
    });
    assert_eq!(texts, ["lr = 0.1, größer"; 4]);
}

#[test]
fn the_error_of_one_rank_ends_all_with_its_sentence() {
    let ends = ranks(8, |exchange| {
        if exchange.rank() == 5 {
            let error = Error::Invalid("the disk is gone".into());
            return (exchange.fail(&error), error.to_string());
        }
        let error = exchange.all_here().unwrap_err();
        (exchange.fail(&error), error.to_string())
    });
    for (rank, (told, text)) in ends.into_iter().enumerate() {
        assert_eq!(text, if rank == 5 { "the disk is gone" } else { "rank 5: the disk is gone" });
        assert!(told, "rank {rank}");
    }
}

#[test]
fn a_rank_that_ends_early_is_named_to_all() {
    let ends = ranks(4, |exchange| {
        if exchange.rank() == 3 {
            return String::new();
        }
        let error = exchange.all_here().unwrap_err();
        exchange.fail(&error);
        error.to_string()
    });
    for text in &ends[..3] {
        assert!(text.contains("rank 3 has ended"), "{text}");
    }
}

#[test]
fn a_silent_rank_is_named_and_a_busy_one_is_waited_for() {
    let limit = Duration::from_secs(1);
    let (named, was_named) = bounded(1);
    let ends = ranks_with(2, limit, None, |exchange| {
        // Far beyond the limit, but with signs of life.
        if exchange.rank() == 1 {
            std::thread::sleep(3 * limit);
        }
        exchange.all_here().unwrap();
        if exchange.rank() == 1 {
            exchange.computes(true);
            was_named.recv().unwrap();
            return String::new();
        }
        let error = exchange.all_here().unwrap_err();
        named.send(()).unwrap();
        error.to_string()
    });
    assert!(ends[0].contains("rank 1 has been silent for 1 s") && ends[0].contains("--rank-timeout"), "{}", ends[0]);
}

#[test]
fn a_throttled_link_takes_the_time_of_its_rate_and_delay() {
    let throttle = Throttle { rate: 4e6, delay: Duration::from_millis(30) };
    let times = ranks_with(2, LIMIT, Some(throttle), |exchange| {
        exchange.all_here().unwrap();
        let begin = Instant::now();
        // 400 kB at 4 MB/s up, nothing down.
        let up = exchange.up(vec![7; 100_000], |_, own, received| {
            *own = received;
            Ok(())
        });
        let words = exchange.down(up.unwrap().map(|words| words[..1].to_vec())).unwrap();
        assert_eq!(words, [7]);
        begin.elapsed()
    });
    assert!(times[1] >= Duration::from_millis(155), "{times:?}");
}

#[test]
fn strangers_do_not_come_in() {
    let meeting = Meeting::open(2).unwrap();
    let invitation = meeting.invitation(1).to_string();
    let mut words: Vec<&str> = invitation.split(' ').collect();
    let (port, wrong) = (words[2].to_owned(), "0".repeat(words[3].len()));
    words[3] = &wrong;
    let stranger: Invitation = words.join(" ").parse().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || assert!(stranger.accept(LIMIT, None).is_err()));
        let error = meeting.gather(Duration::from_millis(500), None, || Ok(())).err().unwrap().to_string();
        assert!(error.contains("rank 1 has not come"), "{error}");
    });
    for text in ["", "1 2 3", "0 2 3 x", "2 2 3 x", "1 3 3 x", &format!("1 2 {port}9 x")] {
        assert!(text.parse::<Invitation>().is_err(), "{text}");
    }
}
