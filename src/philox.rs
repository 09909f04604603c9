//! Philox4x32-10, the only source of randomness: a pure function of a counter and a key (Salmon et al. 2011,
//! "Parallel random numbers: as easy as 1, 2, 3"). The shaders compute the same function, so that the host, every
//! adapter and every work-group size draw the same numbers.

/// What a draw is for. Each purpose has a key of its own (see [`key`]), so that no two ever share a number.
pub mod stream {
    /// Initial weights.
    pub const INIT: u32 = 1;
    /// Stochastic projections of the weights.
    pub const PROJECTION: u32 = 2;
    /// The order of the training images in an epoch.
    pub const SHUFFLE: u32 = 3;
    /// Dropout masks.
    pub const DROPOUT: u32 = 4;
    /// Flips, crops and cut-outs of training images.
    pub const AUGMENT: u32 = 5;
    /// The exponent of the Power projection when it is drawn at random.
    pub const BETA: u32 = 6;
    /// Sizes and places of training crops.
    pub const STRETCH: u32 = 7;
    /// Jitter of the colours of training images.
    pub const COLOR: u32 = 8;
}

/// Multipliers of the two halves of the counter.
const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// Weyl increments of the key: the golden ratio and sqrt(3) - 1, in units of 2^-32.
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// The four random words that belong to `counter` under `key`: ten rounds.
pub fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..10 {
        let p0 = u64::from(MULTIPLIER[0]) * u64::from(c0);
        let p1 = u64::from(MULTIPLIER[1]) * u64::from(c2);
        (c0, c1, c2, c3) = ((p1 >> 32) as u32 ^ c1 ^ k0, p1 as u32, (p0 >> 32) as u32 ^ c3 ^ k1, p0 as u32);
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [c0, c1, c2, c3]
}

/// A uniform number strictly between 0 and 1 from one random word: an odd multiple of 2^-24, exact in f32, hence the
/// same bits on every vendor.
pub fn uniform01(x: u32) -> f32 {
    ((x >> 8) | 1) as f32 * (1.0 / 16_777_216.0)
}

/// The key of one [`stream`] of the run's `seed`. Streams differ in the low word by multiples of an odd constant.
pub fn key(seed: u64, stream: u32) -> [u32; 2] {
    [seed as u32 ^ stream.wrapping_mul(WEYL[0]), (seed >> 32) as u32]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_known_answers_of_random123() {
        let cases = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, want) in cases {
            assert_eq!(philox4x32(counter, key), want);
        }
    }

    #[test]
    fn uniform01_stays_strictly_between_zero_and_one() {
        assert_eq!(uniform01(0), 2f32.powi(-24));
        assert_eq!(uniform01(u32::MAX), 1.0 - 2f32.powi(-24));
    }

    #[test]
    fn streams_and_both_halves_of_the_seed_change_the_key() {
        let keys = [key(0, stream::INIT), key(0, stream::SHUFFLE), key(1, stream::INIT), key(1 << 32, stream::INIT)];
        for (i, a) in keys.iter().enumerate() {
            assert!(keys[i + 1..].iter().all(|b| a != b));
        }
        assert_eq!(key(0x0123_4567_89AB_CDEF, 2), [0x89AB_CDEF ^ 0x3C6E_F372, 0x0123_4567]);
    }
}
