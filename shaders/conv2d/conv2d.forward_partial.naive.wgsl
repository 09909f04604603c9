// partial[split, n, oy, ox, co] = sum over the (ky, kx, ci) of the split of x[n, oy s + ky - p, ox s + kx - p, ci] w[ky, kx,
// ci, co]: a convolution in partial sums, for outputs so few that they alone would leave most of a GPU idle. Groups: 1.
// One invocation owns one element. Grid: ceil(splits n oh ow c_out / 64) workgroups, in rows (common/grid.wgsl).
// include common/grid.wgsl
// include common/conv2d.wgsl
// include common/split_k.wgsl
alias X = f32; // map x
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> partial: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = linear_workgroup(wid, count) * 64u + lane;
  let len = params.n * params.oh * params.ow * params.c_out;
  if i >= params.splits * len {
    return;
  }
  let co = i % params.c_out;
  let pixel = i % len / params.c_out;
  let ox = pixel % params.ow;
  let oy = pixel / params.ow % params.oh;
  let n = pixel / (params.ow * params.oh);
  let run = split_run(params);
  let start = i / len * run;
  var sum = 0.0;
  for (var k = start; k < min(start + run, params.kh * params.kw * params.c_in); k++) {
    let tap = k / params.c_in;
    let iy = oy * params.stride_h + tap / params.kw - params.pad_h;
    let ix = ox * params.stride_w + tap % params.kw - params.pad_w;
    if iy < params.h && ix < params.w {
      sum = fma(f32(x[((n * params.h + iy) * params.w + ix) * params.c_in + k % params.c_in]), w[k * params.c_out + co], sum);
    }
  }
  partial[i] = sum;
}
