// As naive, for c_out a multiple of 4, on GPUs: an invocation makes the nine taps of four output channels, so that it reads each sum
// once. Neighbours have neighbouring channels.
// Grid: x and y = ceil(c_in c_out / 256), rows of equal length beyond 65,535, z = splits.
// include common/fifteenth.wgsl
// include common/grid.wgsl
// include common/winograd_sums.wgsl
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sums: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dw: array<vec4<f32>>;

// G^T times a column of places.
fn column(at: u32, j: u32) -> mat3x4<f32> {
  let pairs = params.c_in * params.c_out / 4u;
  let to = at + j * pairs;
  let a = sums[to];
  let b = 0.5 * sums[to + 6u * pairs];
  let c = 0.5 * sums[to + 12u * pairs];
  let d = sums[to + 18u * pairs];
  return mat3x4<f32>(a + (b + c), b - c, (b + c) + d);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) local: u32) {
  let i = linear_workgroup(wid, count) * 64u + local;
  let pairs = params.c_in * params.c_out / 4u;
  if i >= pairs {
    return;
  }
  let fifteen = f32(15u + (params.c_in >> 31u));
  let at = wid.z * 24u * pairs + i;
  let s0 = column(at, 0u);
  let s1 = column(at, 1u);
  let s2 = column(at, 2u);
  let s3 = column(at, 3u);
  let s4 = column(at, 4u);
  let s5 = column(at, 5u);
  let left = 15.0 * s0 + 5.0 * (s1 - s2) - 16.0 * s3 + s4;
  let middle = 5.0 * (s1 + s2) - 8.0 * s3 - 2.0 * s4;
  let right = 5.0 * (s1 - s2) - 4.0 * s3 + 4.0 * s4 + 15.0 * s5;
  let to = wid.z * 9u * pairs + i;
  dw[to] = fifteenths(left[0], fifteen);
  dw[to + pairs] = fifteenths(middle[0], fifteen);
  dw[to + 2u * pairs] = fifteenths(right[0], fifteen);
  dw[to + 3u * pairs] = fifteenths(left[1], fifteen);
  dw[to + 4u * pairs] = fifteenths(middle[1], fifteen);
  dw[to + 5u * pairs] = fifteenths(right[1], fifteen);
  dw[to + 6u * pairs] = fifteenths(left[2], fifteen);
  dw[to + 7u * pairs] = fifteenths(middle[2], fifteen);
  dw[to + 8u * pairs] = fifteenths(right[2], fifteen);
}
