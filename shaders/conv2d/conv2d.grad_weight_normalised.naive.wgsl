// conv2d.grad_weight of a convolution whose inputs are x behind batch norm and ReLU, which nobody stores: dw[split, ky, kx, ci,
// co] = sum over the output pixels of the split of max((x[.., ci] - mean[ci]) scale[ci] + beta[ci], 0) dy[.., co].
// table: [4, c_in], its rows mean, scale, beta, inv_std (norm_relu.table). Groups: 1.
// One invocation owns one element of one split. Grid: ceil(splits kh kw c_in c_out / 64) workgroups, in rows.
// include common/grid.wgsl
// include common/conv2d.wgsl
alias X = f32; // map x
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read> table: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dw: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
  let i = linear_workgroup(wid, count) * 64u + lane;
  let len = params.kh * params.kw * params.c_in * params.c_out;
  if i >= params.splits * len {
    return;
  }
  let co = i % params.c_out;
  let ci = i / params.c_out % params.c_in;
  let tap = i % len / (params.c_out * params.c_in);
  let ky = tap / params.kw;
  let kx = tap % params.kw;
  let mean = table[ci];
  let scale = table[params.c_in + ci];
  let beta = table[2u * params.c_in + ci];
  let pixels = params.n * params.oh * params.ow;
  let run = (pixels + params.splits - 1u) / params.splits;
  let start = i / len * run;
  var sum = 0.0;
  for (var p = start; p < min(start + run, pixels); p++) {
    let iy = p / params.ow % params.oh * params.stride_h + ky - params.pad_h;
    let ix = p % params.ow * params.stride_w + kx - params.pad_w;
    if iy < params.h && ix < params.w {
      let n = p / (params.ow * params.oh);
      let z = fma(f32(x[((n * params.h + iy) * params.w + ix) * params.c_in + ci]) - mean, scale, beta);
      sum = fma(select(z, 0.0, z < 0.0), dy[p * params.c_out + co], sum);
    }
  }
  dw[i] = sum;
}
