//! What a training step would take on more ranks than are at hand: its operations and the bytes of its gradients are known from
//! its plans, the rest is what an adapter and a network are said to do.
//!
//! The model. A batch has S shards; each of R ranks computes k = S / R of them and adds their gradients, the sums go up a binary
//! tree of the ranks and come down it, and each rank updates its weights:
//!
//! ```text
//! compute(k)  = project + k shard + sum of the additions behind shards 0 to k - 1 + update
//! exchange(R) = (bytes of the gradients + (2 log2(R) - 1) bytes of a bucket) / bandwidth + 2 log2(R) latency;  exchange(1) = 0
//! sent(g)     = max(sent(g - 1), - left(g)) + bytes(g) / bandwidth
//! waits(R)    = sent(last) + (2 log2(R) - 1) bytes of a bucket / bandwidth + 2 log2(R) latency, or 0 if that is less;  waits(1) = 0
//! step(R)     = compute(S / R) + waits(R);  hidden(R) = exchange(R) - waits(R)
//! efficiency  = step(1) / (R step(R))
//! ```
//!
//! The gradients go in [buckets](BUCKET): while the sum of one comes down, the next goes up, so that a link carries each byte once in
//! each direction, and the last bucket has 2 log2(R) links to go, all but the first of them with nothing else beside it. They begin
//! while the backward pass of a rank's last shard goes on: those of group g ([`Cut::last`](crate::model::Cut::last)) are ready when left(g) of
//! it is still to come, and sent(g) is when they are through, counted from its end. Ranks wait for each other in no other way, and what
//! brings the gradients from the device to the network and back counts with the bandwidth.

mod figure;
mod measure;
mod table;

pub use figure::figure;
pub use measure::measure;
pub use table::{json, table};

use crate::error::Result;
use crate::exchange::BUCKET;
use crate::kernels;
use crate::model::Network;
use crate::plan::{Plan, Target};

/// Efficiency below which a further rank does not pay: more than half of its time is lost.
pub const PAYS: f64 = 0.5;

/// Bytes of a bucket.
const BUCKET_BYTES: u64 = (BUCKET * size_of::<u32>()) as u64;

/// An amount for each part of a step: operations, or seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    /// Projects the weights.
    pub project: f64,
    /// Forward and backward pass of a shard.
    pub shard: f64,
    /// What of the pass of the last shard is to come when the gradients of each group are ready.
    pub left: Vec<f64>,
    /// `sums[t]` is what is added behind a shard whose number has t trailing ones ([`Cut`](crate::model::Cut)).
    pub sums: Vec<f64>,
    /// Updates the weights.
    pub update: f64,
}

impl Parts {
    /// The operations of a network's step, each kernel as it is defined, whatever algorithm computes it.
    /// Beside them the bytes of the gradients of each group of tensors, in the order in which they are ready.
    ///
    /// # Errors
    /// A network that the target cannot hold.
    pub fn operations(network: &Network, target: &Target) -> Result<(Parts, Vec<u64>)> {
        let target = target.forcing("*", "naive");
        let cut = network.cut_plans(&target, &network.sent(), network.shards, Some(BUCKET))?;
        let mut sums = cut.sums.iter().map(|plan| flop(plan, 0)).collect::<Result<Vec<_>>>()?;
        sums.push(cut.last.iter().map(|group| flop(&group.plan, 0)).sum::<Result<f64>>()?);
        let bytes = cut.last.iter().map(|group| (group.elements.len() * size_of::<f32>()) as u64).collect();
        let parts = Parts {
            project: flop(&cut.project, 0)?,
            shard: flop(&cut.gradient, 0)?,
            left: cut.last.iter().map(|group| flop(&cut.gradient, group.after)).collect::<Result<_>>()?,
            sums,
            update: flop(&cut.update, 0)?,
        };
        Ok((parts, bytes))
    }

    /// All amounts times `factor`: of operations 1 / (operations a second) makes seconds.
    pub fn times(&self, factor: f64) -> Parts {
        Parts {
            project: self.project * factor,
            shard: self.shard * factor,
            left: self.left.iter().map(|left| left * factor).collect(),
            sums: self.sums.iter().map(|sum| sum * factor).collect(),
            update: self.update * factor,
        }
    }

    /// A step with so many shards on one rank. A step of one shard in all adds nothing.
    pub fn step(&self, shards: usize, of: usize) -> f64 {
        let added = if of == 1 { 0 } else { shards };
        let sums: f64 = (0..added).map(|shard| self.sums[shard.trailing_ones() as usize]).sum();
        self.project + shards as f64 * self.shard + sums + self.update
    }
}

/// Operations of the commands of a plan from `from` on.
fn flop(plan: &Plan, from: usize) -> Result<f64> {
    plan.commands[from..].iter().try_fold(0.0, |sum, c| Ok(sum + kernels::work(c)?.flop))
}

/// What joins the ranks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// Bytes a second from one rank to another, with all that is between their devices.
    pub bandwidth: f64,
    /// Seconds of a message without content.
    pub latency: f64,
}

impl Link {
    /// In words; `gradient_bytes` go over it.
    fn say(&self, gradient_bytes: u64) -> String {
        let short = |v: f64| (1e6 * v).round() / 1e6;
        let (latency, bandwidth) = (short(1e6 * self.latency), short(self.bandwidth / 1e9));
        let [size, bucket] = [gradient_bytes, gradient_bytes.min(BUCKET_BYTES)].map(|bytes| bytes as f64 / 1e6);
        format!(
            "exchange: {size:.2} MB and 2 log2(ranks) - 1 buckets of {bucket:.2} MB at {bandwidth} GB/s, 2 log2(ranks) times {latency} us"
        )
    }
}

/// A training step, to be computed by several ranks.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Images of a step, a power of two of shards.
    pub images: usize,
    /// Shards of a step.
    pub shards: usize,
    /// Bytes of the gradients of each group of tensors, in the order in which they are ready.
    pub groups: Vec<u64>,
    /// Seconds.
    pub seconds: Parts,
    /// Between the ranks.
    pub link: Link,
}

/// What a step takes on a number of ranks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Ranks.
    pub ranks: usize,
    /// Shards of each.
    pub shards: usize,
    /// Seconds of a step.
    pub step: f64,
    /// Seconds of it in which a rank computes.
    pub compute: f64,
    /// Seconds of exchange, with what is hidden behind the computation.
    pub exchange: f64,
    /// Seconds of the exchange that are hidden.
    pub hidden: f64,
    /// Images a second of all ranks.
    pub images_per_s: f64,
    /// Times as fast as one rank.
    pub speedup: f64,
    /// The speed-up as a share of the ranks.
    pub efficiency: f64,
}

impl Row {
    /// The share of the step that a rank waits for the exchange.
    pub fn share(&self) -> f64 {
        (self.exchange - self.hidden) / self.step
    }
}

impl Model {
    /// Bytes of the gradients.
    pub fn gradient_bytes(&self) -> u64 {
        self.groups.iter().sum()
    }

    /// A step on so many ranks; none where there are not as many shards. Ranks are a power of two.
    pub fn row(&self, ranks: usize) -> Option<Row> {
        if !self.shards.is_multiple_of(ranks) {
            return None;
        }
        let Link { bandwidth, latency } = self.link;
        let shards = self.shards / ranks;
        let compute = self.seconds.step(shards, self.shards);
        let (exchange, waits) = if ranks == 1 {
            (0.0, 0.0)
        } else {
            let links = 2.0 * f64::from(ranks.ilog2());
            let last = (links - 1.0) * self.gradient_bytes().min(BUCKET_BYTES) as f64 / bandwidth + links * latency;
            let groups = self.groups.iter().map(|bytes| *bytes as f64 / bandwidth).zip(&self.seconds.left);
            let sent = groups.fold(f64::NEG_INFINITY, |sent, (takes, left)| sent.max(-left) + takes);
            (self.gradient_bytes() as f64 / bandwidth + last, (sent + last).max(0.0))
        };
        let (hidden, step) = (exchange - waits, compute + waits);
        let speedup = self.seconds.step(self.shards, self.shards) / step;
        Some(Row {
            ranks,
            shards,
            step,
            compute,
            exchange,
            hidden,
            images_per_s: self.images as f64 / step,
            speedup,
            efficiency: speedup / ranks as f64,
        })
    }
}

/// A [`Model`] on several numbers of ranks.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// What it is of: the preset, with what was changed in it.
    pub name: String,
    /// The step.
    pub model: Model,
    /// Operations of a step of one rank.
    pub flop: f64,
    /// Where the seconds are from: `measured on ...`.
    pub source: String,
    /// Steps that are possible, from few ranks to many, and bytes of device memory of each rank.
    pub rows: Vec<(Row, u64)>,
    /// Numbers of ranks that are more than there are shards.
    pub impossible: Vec<usize>,
}

impl Forecast {
    /// The first number of ranks that does not [pay](PAYS).
    pub fn stops(&self) -> Option<usize> {
        self.rows.iter().map(|(row, _)| row).find(|row| row.efficiency < PAYS).map(|row| row.ranks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::preset::Preset;

    /// The gradients are ready at the end, or half of them when `left` is still to come.
    fn model(left: f64) -> Model {
        let left = vec![left, 0.0];
        let seconds = Parts { project: 0.5, shard: 2.0, left, sums: vec![0.1, 0.2, 0.3, 0.4], update: 1.0 };
        let link = Link { bandwidth: 4e9, latency: 0.25 };
        Model { images: 80, shards: 8, groups: vec![1_000_000_000; 2], seconds, link }
    }

    #[test]
    fn steps_by_hand() {
        // Eight shards behind which 0, 1, 0, 2, 0, 1, 0, 3 trailing ones are added.
        let one = model(0.0).row(1).unwrap();
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} is not {b}");
        near(one.step, 0.5 + 8.0 * 2.0 + (4.0 * 0.1 + 2.0 * 0.2 + 0.3 + 0.4) + 1.0);
        assert_eq!((one.exchange, one.speedup, one.efficiency, one.shards), (0.0, 1.0, 1.0, 8));
        near(one.images_per_s, 80.0 / 19.0);
        // 2 GB and three buckets at 4 GB/s, four times 0.25 s: two links up, two down.
        let bucket = 262_144.0 / 4e9;
        let four = model(0.0).row(4).unwrap();
        near(four.compute, 0.5 + 2.0 * 2.0 + 0.3 + 1.0);
        near(four.exchange, 0.5 + 3.0 * bucket + 4.0 * 0.25);
        near(four.step, 5.8 + four.exchange);
        near(four.share(), four.exchange / four.step);
        near(four.efficiency, 19.0 / four.step / 4.0);
        let eight = model(0.0).row(8).unwrap();
        near(eight.step, (0.5 + 2.0 + 0.1 + 1.0) + 0.5 + 5.0 * bucket + 6.0 * 0.25);
        // Gradients smaller than a bucket are one.
        let small = Model { groups: vec![3000, 1000], ..model(0.0) };
        near(small.row(2).unwrap().exchange, 2.0 * (4000.0 / 4e9 + 0.25));
        assert_eq!(model(0.0).row(16), None);
    }

    #[test]
    fn what_goes_beside_the_backward_pass_is_hidden() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} is not {b}");
        // A group takes 0.25 s.
        let (some, half) = (model(0.125).row(4).unwrap(), model(1.0).row(4).unwrap());
        near(some.hidden, 0.125);
        near(half.hidden, 0.25);
        near(half.step, 5.8 + half.exchange - 0.25);
        near(half.share(), (half.exchange - 0.25) / half.step);
        // All of it where all is ready early enough.
        let mut early = model(2.0);
        early.seconds.left = vec![2.0, 2.0];
        let all = early.row(4).unwrap();
        assert_eq!((all.hidden, all.step, all.share()), (all.exchange, all.compute, 0.0));
    }

    #[test]
    fn a_step_of_one_shard_adds_nothing_and_cannot_be_divided() {
        let mut model = model(0.0);
        model.shards = 1;
        assert_eq!(model.row(1).unwrap().step, 0.5 + 2.0 + 1.0);
        assert_eq!(model.row(2), None);
    }

    #[test]
    fn more_ranks_than_pay_are_found() {
        let model = model(0.0);
        let rows = [1, 2, 4, 8].map(|ranks| (model.row(ranks).unwrap(), 0)).to_vec();
        let forecast =
            Forecast { name: String::new(), model, flop: 0.0, source: String::new(), rows, impossible: vec![] };
        // 19 / (2 (10.2 + 1.0)) = 0.85, 19 / (4 7.3) = 0.65, 19 / (8 5.6) = 0.42.
        assert_eq!(forecast.stops(), Some(8));
    }

    #[test]
    fn operations_are_those_of_the_layers() {
        let sets = ["width=0.125", "batch=16", "shards=4"].map(String::from);
        let preset = Preset::load("merolla2016/cifar10/tr-sign-c", &sets).unwrap();
        let network = Network::new(&preset, [32, 32, 3], 10).unwrap();
        let (parts, groups) = Parts::operations(&network, &Target::baseline()).unwrap();
        let shapes = preset.shapes([32, 32, 3]).unwrap();
        let products = |skip: usize| shapes[skip..].iter().map(|l| l.multiply_adds).sum::<u64>() as f64;
        // Two operations a product, forward and for both gradients; the first layer has no gradient of its input. The rest of
        // the layers adds little.
        let (forward, backward) = (2.0 * products(0) * 4.0, 2.0 * (products(0) + products(1)) * 4.0);
        let ratio = parts.shard / (forward + backward);
        assert!((1.0..1.15).contains(&ratio), "{ratio}");
        // From the last layers to the first, which end the pass.
        assert!(
            parts.left.len() > 1 && parts.left[0] < parts.shard && parts.left.is_sorted_by(|a, b| a >= b),
            "{:?}",
            parts.left
        );
        assert_eq!((parts.left.len(), *parts.left.last().unwrap()), (groups.len(), 0.0));
        assert_eq!(parts.sums.len(), 3);
        assert!(parts.update > 5.0 * network.parameters.len() as f64 && parts.project > 0.0);
        let seconds = parts.times(1e-9);
        assert!((seconds.step(4, 4) / (1e-9 * parts.step(4, 4)) - 1.0).abs() < 1e-12);
    }
}
