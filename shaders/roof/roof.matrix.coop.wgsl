// As naive, by matrix units: f16 operands, f32 sums, in whatever size of matrices and subgroups the adapter has.
// A workgroup of four subgroups computes 4 x 8 results; each subgroup keeps eight sums A_i B_j, which are independent of
// each other, in registers. Nothing but matrix products: the roof of kernels that use them.
// Operands must be exact in f16. Grid: len / (32 MATRIX^2) workgroups, in rows (common/grid.wgsl).
enable f16;
enable wgpu_cooperative_matrix;
// include common/grid.wgsl
// include common/matrices_8.wgsl if MATRIX == 8 else common/matrices_16.wgsl
struct Params { len: u32, rounds: u32, size: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;

const MATRIX: u32 = 16u; // matrix 8 16
const LANES: u32 = 32u; // subgroup 8 16 32 64
const THREADS: u32 = 4u * LANES;
const SIZE: u32 = MATRIX * MATRIX; // elements of a matrix
var<workgroup> left: array<f16, 2u * SIZE>;
var<workgroup> right: array<f16, 4u * SIZE>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32, @builtin(subgroup_id) subgroup: u32) {
  for (var i = lane; i < 2u * SIZE; i += THREADS) {
    left[i] = f16(a[i]);
  }
  for (var i = lane; i < 4u * SIZE; i += THREADS) {
    right[i] = f16(b[i]);
  }
  workgroupBarrier();
  let a0 = coopLoadT<LeftMatrix>(&left[0], MATRIX);
  let a1 = coopLoadT<LeftMatrix>(&left[SIZE], MATRIX);
  let b0 = coopLoadT<RightMatrix>(&right[0], MATRIX);
  let b1 = coopLoadT<RightMatrix>(&right[SIZE], MATRIX);
  let b2 = coopLoadT<RightMatrix>(&right[2u * SIZE], MATRIX);
  let b3 = coopLoadT<RightMatrix>(&right[3u * SIZE], MATRIX);
  var c00: SumMatrix;
  var c01: SumMatrix;
  var c02: SumMatrix;
  var c03: SumMatrix;
  var c10: SumMatrix;
  var c11: SumMatrix;
  var c12: SumMatrix;
  var c13: SumMatrix;
  for (var r = 0u; r < params.rounds; r++) {
    c00 = coopMultiplyAdd(a0, b0, c00);
    c01 = coopMultiplyAdd(a0, b1, c01);
    c02 = coopMultiplyAdd(a0, b2, c02);
    c03 = coopMultiplyAdd(a0, b3, c03);
    c10 = coopMultiplyAdd(a1, b0, c10);
    c11 = coopMultiplyAdd(a1, b1, c11);
    c12 = coopMultiplyAdd(a1, b2, c12);
    c13 = coopMultiplyAdd(a1, b3, c13);
  }
  let to = (linear_workgroup(wid, count) * 4u + subgroup) * (8u * SIZE);
  let stride = MATRIX;
  store(c00, to, stride);
  store(c01, to + SIZE, stride);
  store(c02, to + 2u * SIZE, stride);
  store(c03, to + 3u * SIZE, stride);
  store(c10, to + 4u * SIZE, stride);
  store(c11, to + 5u * SIZE, stride);
  store(c12, to + 6u * SIZE, stride);
  store(c13, to + 7u * SIZE, stride);
}

// naga wants what coopStoreT takes in names of their own.
fn store(sum: SumMatrix, to: u32, stride: u32) {
  coopStoreT(sum, &c[to], stride);
}
