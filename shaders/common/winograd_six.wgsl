// Half of a Winograd transform at the six points 0, 1, -1, 1/2, -2 and infinity, along rows or along columns: C^T of
// common/winograd.wgsl times six values of the input; and the division by 15 at the end.

struct Six { a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>, e: vec4<f32>, f: vec4<f32> }

fn six_points(d0: vec4<f32>, d1: vec4<f32>, d2: vec4<f32>, d3: vec4<f32>, d4: vec4<f32>, d5: vec4<f32>) -> Six {
  return Six(d0 + 1.5 * (d3 - d1) - 2.0 * d2 + d4,
             d4 + 2.5 * d3 + 0.5 * d2 - d1,
             d4 + 0.5 * d3 - 2.5 * d2 + d1,
             d4 - d2 + 2.0 * (d3 - d1),
             d4 - d2 - 0.5 * (d3 - d1),
             d1 + 1.5 * (d4 - d2) - 2.0 * d3 + d5);
}

// Element i of row `point` of C^T.
fn six_points_factor(point: u32, i: u32) -> f32 {
  switch point {
    case 0u: { return array<f32, 6>(1.0, -1.5, -2.0, 1.5, 1.0, 0.0)[i]; }
    case 1u: { return array<f32, 6>(0.0, -1.0, 0.5, 2.5, 1.0, 0.0)[i]; }
    case 2u: { return array<f32, 6>(0.0, 1.0, -2.5, 0.5, 1.0, 0.0)[i]; }
    case 3u: { return array<f32, 6>(0.0, -2.0, -1.0, 2.0, 1.0, 0.0)[i]; }
    case 4u: { return array<f32, 6>(0.0, 0.5, -1.0, -0.5, 1.0, 0.0)[i]; }
    default: { return array<f32, 6>(0.0, 1.0, -1.5, -2.0, 1.5, 1.0)[i]; }
  }
}

// sum / divisor; an integer where the divisor divides the sum, on devices too whose division is not rounded correctly. The
// divisor, 15, must not be known to the compiler: some turn a chain of operations with constants into one that rounds
// otherwise.
fn exact_quotient(sum: f32, divisor: f32) -> f32 {
  let near = sum / divisor;
  return near + fma(-near, divisor, sum) / divisor;
}
