// Where a pixel of an image lies in the rectangle of a picture that is resampled to it.
struct Between { first: u32, second: u32, part: f32 }

// Pixel i of n along a side that has `size` pixels in the rectangle: at (i + 0.5) size / n - 0.5, clamped to the rectangle, a `part`
// of the way from pixel `first` to `second`. Whole numbers until the quotient: where size = n it is pixel i, exactly.
fn between(i: u32, n: u32, size: u32) -> Between {
  let at = max((2u * i + 1u) * size, n) - n;
  let first = at / (2u * n);
  return Between(first, min(first + 1u, size - 1u), f32(at % (2u * n)) / f32(2u * n));
}
