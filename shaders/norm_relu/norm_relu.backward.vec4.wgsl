// As norm_relu.backward.naive, four channels of ROWS rows per invocation: c is a multiple of 4.
// Over naive: loads and stores four wide, and what depends on the channel alone serves ROWS rows. These lie
// far apart, so that neighbouring invocations stream through memory together (shaders/README.md).
// Grid: ceil(ceil(rows / ROWS) c / 256) workgroups, in rows (common/grid.wgsl).
// in pairs x dy dx skip
// include entry/each.wgsl
// include norm_relu/onto_skip.wgsl if skip else norm_relu/onto_none.wgsl
alias Value = vec4<f32>;
const ROWS: u32 = 4u; // knob 1 2 4 8 16
struct Params { rows: u32, c: u32, total: u32 }
alias X = f32; // map x
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(2) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> table: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> dgamma: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> dbeta: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> dx: array<vec4<f32>>;

fn each(i: u32) {
  let quads = params.c / 4u;
  let stride = (params.rows + ROWS - 1u) / ROWS * quads;
  if i >= stride {
    return;
  }
  let channel = i % quads;
  let mean = table[channel];
  let scale = table[quads + channel];
  let beta = table[2u * quads + channel];
  let offset = dbeta[channel] / f32(params.total);
  let slope = table[3u * quads + channel] * dgamma[channel] / f32(params.total);
  for (var r = 0u; r < ROWS; r++) {
    let k = i + r * stride;
    if k < params.rows * quads {
      let d = vec4<f32>(x[k]) - mean;
      let dz = select(vec4<f32>(0.0), dy[k], fma(d, scale, beta) > vec4<f32>(0.0));
      dx[k] = onto(k, scale * (dz - offset - d * slope));
    }
  }
}
