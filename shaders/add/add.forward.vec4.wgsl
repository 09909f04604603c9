// y = a + b, four elements of ROWS places per invocation: len is a multiple of 4.
// Over naive: loads and stores four wide, and fewer invocations. The places lie far apart, so that neighbouring invocations
// stream through memory together (shaders/README.md).
// Grid: ceil(ceil(len / (4 ROWS)) / 64) workgroups, in rows (common/grid.wgsl).
// in pairs a b y
// include entry/each.wgsl
const ROWS: u32 = 1u; // knob 1 2 4 8
struct Params { len: u32 }
alias A = f32; // map a
alias B = f32; // map b
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<A>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<B>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<Y>>;

fn each(i: u32) {
  let quads = params.len / 4u;
  let stride = (quads + ROWS - 1u) / ROWS;
  if i >= stride {
    return;
  }
  for (var k = i; k < quads; k += stride) {
    y[k] = vec4<Y>(vec4<f32>(a[k]) + vec4<f32>(b[k]));
  }
}
