// y = x after 8 rounds of x -> a x + b (fused or not, as the driver does it), repeated `rounds` times: nothing but
// arithmetic in registers, one dependent chain per invocation. The roof that no kernel without matrices can pass.
// Grid: ceil(len / 64) workgroups, in rows (common/grid.wgsl).
// include entry/each.wgsl
struct Params { len: u32, rounds: u32, a: f32, b: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn each(i: u32) {
  if i >= params.len {
    return;
  }
  let a = params.a;
  let b = params.b;
  var v = x[i];
  for (var r = 0u; r < params.rounds; r++) {
    v = fma(v, a, b);
    v = fma(v, a, b);
    v = fma(v, a, b);
    v = fma(v, a, b);
    v = fma(v, a, b);
    v = fma(v, a, b);
    v = fma(v, a, b);
    v = fma(v, a, b);
  }
  y[i] = v;
}
