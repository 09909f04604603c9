// As bias.forward.naive, four channels of ROWS rows per invocation: c a multiple of 4.
// Over naive: loads and stores four wide, and one division and one load of the bias serve ROWS rows. These lie far
// apart, so that neighbouring invocations stream through memory together (shaders/README.md).
// Grid: ceil(ceil(rows / ROWS) c / 256) workgroups, in rows (common/grid.wgsl).
// in pairs y
// include entry/each.wgsl
const ROWS: u32 = 4u; // knob 1 2 4 8 16
struct Params { len: u32, c: u32, relu: u32 }
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Y>>;

fn each(i: u32) {
  let quads = params.c / 4u;
  let stride = (params.len / params.c + ROWS - 1u) / ROWS * quads;
  if i >= stride {
    return;
  }
  let shift = bias[i % quads];
  let cut = vec4<bool>(params.relu != 0u);
  for (var k = i; k < params.len / 4u; k += stride) {
    let sum = vec4<f32>(y[k]) + shift;
    y[k] = vec4<Y>(select(sum, vec4<f32>(0.0), cut & (sum < vec4<f32>(0.0))));
  }
}
