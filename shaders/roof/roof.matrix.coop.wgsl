// As naive, by 16x16x16 matrix units: f16 operands, f32 sums. Needs subgroups of 32 and cooperative matrices.
// A workgroup of four subgroups computes four results; each subgroup keeps eight sums A_i B_j, which are independent of
// each other, in registers. Nothing but matrix products: the roof of kernels that use them.
// Operands must be exact in f16. Grid: len / 1024 workgroups, in rows (common/grid.wgsl).
enable f16;
enable wgpu_cooperative_matrix;
// include common/grid.wgsl
struct Params { len: u32, rounds: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;

var<workgroup> left: array<f16, 512>;
var<workgroup> right: array<f16, 1024>;

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32, @builtin(subgroup_id) subgroup: u32) {
  for (var i = 0u; i < 4u; i++) {
    left[i * 128u + lane] = f16(a[i * 128u + lane]);
  }
  for (var i = 0u; i < 8u; i++) {
    right[i * 128u + lane] = f16(b[i * 128u + lane]);
  }
  workgroupBarrier();
  let a0 = coopLoadT<coop_mat16x16<f16, A>>(&left[0], 16u);
  let a1 = coopLoadT<coop_mat16x16<f16, A>>(&left[256], 16u);
  let b0 = coopLoadT<coop_mat16x16<f16, B>>(&right[0], 16u);
  let b1 = coopLoadT<coop_mat16x16<f16, B>>(&right[256], 16u);
  let b2 = coopLoadT<coop_mat16x16<f16, B>>(&right[512], 16u);
  let b3 = coopLoadT<coop_mat16x16<f16, B>>(&right[768], 16u);
  var c00: coop_mat16x16<f32, C>;
  var c01: coop_mat16x16<f32, C>;
  var c02: coop_mat16x16<f32, C>;
  var c03: coop_mat16x16<f32, C>;
  var c10: coop_mat16x16<f32, C>;
  var c11: coop_mat16x16<f32, C>;
  var c12: coop_mat16x16<f32, C>;
  var c13: coop_mat16x16<f32, C>;
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
  let sum = c00 + c01 + c02 + c03 + c10 + c11 + c12 + c13;
  let to = (linear_workgroup(wid, count) * 4u + subgroup) * 256u;
  let stride = 16u;
  coopStoreT(sum, &c[to], stride);
}
