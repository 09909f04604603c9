// dw[split, ky, kx, ci, g, co] = sum over the output pixels of the split of v[.., g, ci] dy[.., g, co]; v is x or,
// given `table`, x behind batch norm and ReLU, as conv2d.forward.naive reads it.
// The pixels n oh ow are cut into `splits` equal runs; the optimiser adds the partial sums in order.
// One invocation owns one element of one split. Grid: ceil(splits kh kw c_in groups c_out / 64) workgroups, in rows.
// include entry/each.wgsl
// include common/conv2d.wgsl
// include conv2d/input_normalised.wgsl if table else conv2d/input_plain.wgsl
alias X = f32; // map x
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dw: array<f32>;

fn each(i: u32) {
  let channels = params.groups * params.c_out;
  let len = params.kh * params.kw * params.c_in * channels;
  if i >= params.splits * len {
    return;
  }
  let co = i % channels;
  let ci = co / params.c_out * params.c_in + i / channels % params.c_in;
  let tap = i % len / (channels * params.c_in);
  let ky = tap / params.kw;
  let kx = tap % params.kw;
  let pixels = params.n * params.oh * params.ow;
  let run = (pixels + params.splits - 1u) / params.splits;
  let start = i / len * run;
  var sum = 0.0;
  for (var p = start; p < min(start + run, pixels); p++) {
    let iy = p / params.ow % params.oh * params.stride_h + ky - params.pad_h;
    let ix = p % params.ow * params.stride_w + kx - params.pad_w;
    if iy < params.h && ix < params.w {
      let n = p / (params.ow * params.oh);
      sum = fma(input((n * params.h + iy) * params.w + ix, ci), dy[p * channels + co], sum);
    }
  }
  dw[i] = sum;
}
