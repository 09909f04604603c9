// y[n, oy, ox, g, co] = sum over ky, kx, ci of v[n, oy s + ky - p, ox s + kx - p, g, ci] w[ky, kx, ci, g, co]. v is x, or, given
// `table`, x behind batch norm and ReLU, which nobody has to store: max((x - mean) scale + beta, 0) with padding of zeros behind
// the ReLU. Given `moments`, the moments of y as well. Given `skip`, what lies there is added, in one sum (splits = 1).
// Given `bits`, w are bits (conv2d/stored_bits.wgsl).
// Given splits > 1, y[split, n, oy, ox, g, co] is the sum over a run of the (ky, kx, ci) (common/split_k.wgsl): for outputs so few that
// they alone would leave most of a GPU idle.
// One invocation owns one output. Grid: ceil(splits n oh ow groups c_out / 64) workgroups, in rows (common/grid.wgsl); given `moments`,
// ceil(n oh ow / 64) groups c_out.
// include common/grid.wgsl
// include common/conv2d.wgsl
// include common/split_k.wgsl
// include conv2d/input_normalised.wgsl if table else conv2d/input_plain.wgsl
// include conv2d/stored_bits.wgsl if bits else conv2d/stored_scalars.wgsl
// include conv2d/zeros_marked.wgsl if zeros else conv2d/zeros_none.wgsl
// include conv2d/onto_skip.wgsl if skip else conv2d/onto_none.wgsl
// include conv2d/each_block.wgsl if moments else conv2d/each_output.wgsl
alias X = f32; // map x
alias Y = f32; // map y
alias S = f32; // map skip
alias Skip = S;
alias Value = f32;
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read> w: array<f32>; // unless bits
@group(0) @binding(3) var<storage, read_write> y: array<Y>;

// Channel: number `channel` of all groups'.
fn output(pixel: u32, channel: u32, split: u32) -> f32 {
  let ox = pixel % params.ow;
  let oy = pixel / params.ow % params.oh;
  let n = pixel / (params.ow * params.oh);
  let depth = params.c_in;
  let first = channel / params.c_out * depth;
  let run = split_run(params);
  var sum = 0.0;
  for (var ky = 0u; ky < params.kh; ky++) {
    let iy = oy * params.stride_h + ky - params.pad_h; // wraps far above h where it is negative
    if iy >= params.h { continue; }
    for (var kx = 0u; kx < params.kw; kx++) {
      let ix = ox * params.stride_w + kx - params.pad_w;
      if ix >= params.w { continue; }
      let pixel_in = (n * params.h + iy) * params.w + ix;
      let term = (ky * params.kw + kx) * depth; // the first of the tap
      let last = clamp(split * run + run, term, term + depth) - term;
      for (var ci = clamp(split * run, term, term + depth) - term; ci < last; ci++) {
        sum = fma(input(pixel_in, first + ci), weight(channel, term + ci), sum);
      }
    }
  }
  return sum;
}
