// The parts of a filter of a tensor whose alpha is computed: sums, or maxima, of about TERMS of its |w|. Part p of P has the
// weights p, p + P, p + 2 P, ... of the filter, so that one pass may read neighbours whatever the filters are.
// include common/parameters.wgsl
const TERMS: u32 = 128u; // src/kernels/statistics.rs

// Weights of a filter.
fn weights_of(segment: Segment, projection: Projection) -> u32 {
  return segment.len / projection.filters;
}

// P.
fn parts_of(segment: Segment, projection: Projection) -> u32 {
  return (weights_of(segment, projection) + TERMS - 1u) / TERMS;
}

// A part with one more: the largest where alpha is a maximum, else the sum.
fn joined(projection: Projection, part: f32, more: f32) -> f32 {
  return select(part + more, max(part, more), projection.share == 0.0);
}
