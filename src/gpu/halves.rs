//! The host's side of buffers of 16-bit floats: the host holds their elements as the bits of f32, one word each, and devices
//! hold two to a word.

use std::borrow::Cow;

use half::f16;

use crate::plan::Elem;

/// Words as a buffer of `elem` holds them, numbers rounded to the nearest f16; an odd element is followed by a zero.
pub(super) fn packed(elem: Elem, words: &[u32]) -> Cow<'_, [u32]> {
    let bits = |w: u32| u32::from(f16::from_f32(f32::from_bits(w)).to_bits());
    match elem {
        Elem::F32 | Elem::U32 => Cow::Borrowed(words),
        Elem::F16 => words.chunks(2).map(|p| bits(p[0]) | p.get(1).map_or(0, |&w| bits(w) << 16)).collect(),
    }
}

/// The first `len` elements of a buffer of `elem`, from its words.
pub(super) fn unpacked(elem: Elem, words: &[u32], len: usize) -> Vec<u32> {
    let number = |bits: u16| f16::from_bits(bits).to_f32().to_bits();
    match elem {
        Elem::F32 | Elem::U32 => words[..len].to_vec(),
        Elem::F16 => words.iter().flat_map(|w| [*w as u16, (*w >> 16) as u16]).map(number).take(len).collect(),
    }
}

/// Words that hold `len` elements of a buffer of `elem`.
pub(super) fn words(elem: Elem, len: usize) -> usize {
    (len * elem.bytes()).div_ceil(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_as_the_nearest_f16_and_words_as_they_are() {
        let numbers = [1.0f32, -0.5, 1.0 + 1.0 / 4096.0, 1e-7, f32::INFINITY];
        let bits: Vec<u32> = numbers.iter().map(|v| v.to_bits()).collect();
        let held = packed(Elem::F16, &bits);
        assert_eq!(held.len(), words(Elem::F16, bits.len()));
        let back: Vec<f32> = unpacked(Elem::F16, &held, bits.len()).into_iter().map(f32::from_bits).collect();
        assert_eq!(back, [1.0, -0.5, 1.0, f32::from_bits(0x3400_0000), f32::INFINITY]);
        assert_eq!(unpacked(Elem::U32, &packed(Elem::U32, &bits), bits.len()), bits);
    }
}
