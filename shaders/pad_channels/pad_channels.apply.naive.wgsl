// y = the channels of x: the first of them where y has fewer, zeros behind them where it has more.
// x: [pixels, c_in]; y: [pixels, c_out]. One invocation owns one element of y.
// Grid: ceil(pixels c_out / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
struct Params { pixels: u32, c_in: u32, c_out: u32 }
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

fn each(i: u32) {
  if i >= params.pixels * params.c_out {
    return;
  }
  let channel = i % params.c_out;
  var v = 0.0;
  if channel < params.c_in {
    v = f32(x[i / params.c_out * params.c_in + channel]);
  }
  y[i] = Y(v);
}
