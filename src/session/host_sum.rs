//! Sums of gradients that the host makes, with the bits of those that a device makes. Both round to the nearest f32; but a device may
//! take numbers below the least normal one for 0, before it adds or behind it, and the host then does as well.

use crate::error::{Error, Result};
use crate::gpu::Runner;
use crate::kernels::add;
use crate::plan::{Builder, Elem, Role, Step, Target};

/// What a device makes 0 as it adds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HostSum {
    /// Denormal numbers that it adds.
    inputs: bool,
    /// Denormal sums.
    results: bool,
}

/// The numbers that a device is tried on, each with each, and with the other sign.
const TRIED: [f32; 8] = [0.0, f32::from_bits(1), 1e-40, 1.1e-38, f32::MIN_POSITIVE, 1.8e-38, 1e-30, 1.5];

impl HostSum {
    const ALL: [HostSum; 4] =
        [HostSum::of(false, false), HostSum::of(true, true), HostSum::of(true, false), HostSum::of(false, true)];

    const fn of(inputs: bool, results: bool) -> HostSum {
        HostSum { inputs, results }
    }

    /// As the device of a runner adds, which is tried.
    ///
    /// # Errors
    /// A device that adds otherwise than the host can; what it reports.
    pub fn like(runner: &mut Runner) -> Result<HostSum> {
        const NAMES: [&str; 2] = ["tried.received", "tried.own"];
        let [received, own] = tried();
        let target = Target { options: Default::default(), ..runner.device.target.clone() };
        let mut b = Builder::new("tried", target);
        let [x, y] = NAMES.map(|name| b.shared(name, Elem::F32, &[own.len()], Role::State));
        add::assign(&mut b, "tried.add", 1, x, y)?;
        let plan = runner.load(&b.finish()?, false)?;
        for (name, words) in NAMES.iter().zip([&received, &own]) {
            runner.write(name, words)?;
        }
        runner.run(&plan, &Step::default())?;
        let device = runner.read(NAMES[1], own.len())?;
        let as_device = |sum: &HostSum| {
            let mut host = own.clone();
            sum.add(&mut host, &received);
            host == device
        };
        Self::ALL.into_iter().find(as_device).ok_or_else(|| {
            Error::Rank(format!(
                "{}: this adapter adds very small numbers otherwise than a CPU does, so that sums over ranks would have other bits than \
                 those on it alone: use one rank",
                runner.device.info
            ))
        })
    }

    /// `own` + `received`, f32 by f32, in `own`.
    pub fn add(self, own: &mut [u32], received: &[u32]) {
        let pairs =
            bytemuck::cast_slice_mut::<u32, f32>(own).iter_mut().zip(bytemuck::cast_slice::<u32, f32>(received));
        match (self.inputs, self.results) {
            (false, false) => pairs.for_each(|(a, b)| *a += b),
            (true, true) => pairs.for_each(|(a, b)| *a = flushed(flushed(*a) + flushed(*b))),
            (true, false) => pairs.for_each(|(a, b)| *a = flushed(*a) + flushed(*b)),
            (false, true) => pairs.for_each(|(a, b)| *a = flushed(*a + b)),
        }
    }
}

/// 0 of its sign in the place of a denormal number.
fn flushed(x: f32) -> f32 {
    if x.abs() < f32::MIN_POSITIVE { 0f32.copysign(x) } else { x }
}

/// Two arrays with all pairs of the numbers that are tried.
fn tried() -> [Vec<u32>; 2] {
    let signed: Vec<u32> = TRIED.iter().flat_map(|x| [x.to_bits(), (-x).to_bits()]).collect();
    let first = signed.iter().flat_map(|x| vec![*x; signed.len()]).collect();
    [first, signed.repeat(signed.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_tells_the_ways_to_add_apart() {
        let [received, own] = tried();
        let sums = HostSum::ALL.map(|sum| {
            let mut host = own.clone();
            sum.add(&mut host, &received);
            host
        });
        for (i, a) in sums.iter().enumerate() {
            assert!(sums[..i].iter().all(|b| a != b), "{:?}", HostSum::ALL[i]);
        }
    }

    #[test]
    fn numbers_that_are_no_denormals_stay() {
        let numbers = [0.0, -0.0, f32::MIN_POSITIVE, -1.5, f32::INFINITY, f32::NAN];
        assert!(numbers.iter().all(|x| flushed(*x).to_bits() == x.to_bits()));
        assert_eq!([1e-40, -1e-40].map(|x| flushed(x).to_bits()), [0.0f32, -0.0].map(f32::to_bits));
    }
}
