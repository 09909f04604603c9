// As naive, for c_out a multiple of 4, on GPUs: the first layer, with few input channels, any number.
// A workgroup owns 8 of the kh kw c_in rows of dw x 128 output channels of one group and split. The inputs of these rows for 32
// pixels pass through workgroup memory, gathered by one invocation each; then every invocation adds up its four output
// channels over every eighth pixel, 8 rows at a time, and the eight sums are added in order at the end. So one read of dy
// feeds 32 multiply-adds, and a split has 256 invocations where tiles of dw (27 rows in all) would give it 32.
// Grid: x = groups ceil(c_out / 128), y = ceil(kh kw c_in / 8), z = splits.
// include common/conv2d.wgsl
alias X = f32; // map x
@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dw: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> params: Params; // baked

var<workgroup> inputs: array<f32, 256>; // [pixel][row]
var<workgroup> sums: array<vec4<f32>, 512>; // [row][part][column]

// The input that row `row` of dw takes in a group for output pixel p.
fn gather(group: u32, row: u32, p: u32, end: u32) -> f32 {
  let tap = row / params.c_in;
  let iy = p / params.ow % params.oh * params.stride_h + tap / params.kw - params.pad_h;
  let ix = p % params.ow * params.stride_w + tap % params.kw - params.pad_w;
  let inside = p < end && tap < params.kh * params.kw && iy < params.h && ix < params.w;
  let n = p / (params.ow * params.oh);
  let at = (((n * params.h + iy) * params.w + ix) * params.groups + group) * params.c_in + row % params.c_in;
  return select(0.0, f32(x[select(0u, at, inside)]), inside);
}

// Adds the eight parts of two rows and writes them; call it in uniform control flow.
fn finish(split: u32, row: u32, group: u32, column: u32, lane: u32, even: vec4<f32>, odd: vec4<f32>) {
  sums[lane] = even;
  sums[256u + lane] = odd;
  workgroupBarrier();
  let rows = params.kh * params.kw * params.c_in;
  let own = row + lane / 32u;
  if lane < 64u && own < rows && column * 4u < params.c_out {
    let base = lane / 32u * 256u + lane % 32u;
    var sum = sums[base];
    for (var part = 1u; part < 8u; part++) {
      sum += sums[base + part * 32u];
    }
    dw[((split * rows + own) * params.groups + group) * (params.c_out / 4u) + column] = sum;
  }
  workgroupBarrier();
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wid: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = wid.y * 8u;
  let columns = params.c_out / 4u;
  let across = (params.c_out + 127u) / 128u;
  let group = select(wid.x / across, 0u, params.groups == 1u); // a constant for one
  let column = (wid.x - group * across) * 32u + lane % 32u;
  let own = min(column, columns - 1u);
  let pixels = params.n * params.oh * params.ow;
  let run = (pixels + params.splits - 1u) / params.splits;
  let start = wid.z * run;
  let end = min(start + run, pixels);
  var a0: vec4<f32>;
  var a1: vec4<f32>;
  var a2: vec4<f32>;
  var a3: vec4<f32>;
  var a4: vec4<f32>;
  var a5: vec4<f32>;
  var a6: vec4<f32>;
  var a7: vec4<f32>;
  for (var first = start; first < end; first += 32u) {
    workgroupBarrier();
    inputs[lane] = gather(group, row + lane % 8u, first + lane / 8u, end);
    workgroupBarrier();
    for (var i = lane / 32u; i < 32u; i += 8u) {
      // Beyond the last pixel its gradient is read again and its inputs are zeros.
      let g = dy[(min(first + i, end - 1u) * params.groups + group) * columns + own];
      a0 = fma(vec4<f32>(inputs[i * 8u]), g, a0);
      a1 = fma(vec4<f32>(inputs[i * 8u + 1u]), g, a1);
      a2 = fma(vec4<f32>(inputs[i * 8u + 2u]), g, a2);
      a3 = fma(vec4<f32>(inputs[i * 8u + 3u]), g, a3);
      a4 = fma(vec4<f32>(inputs[i * 8u + 4u]), g, a4);
      a5 = fma(vec4<f32>(inputs[i * 8u + 5u]), g, a5);
      a6 = fma(vec4<f32>(inputs[i * 8u + 6u]), g, a6);
      a7 = fma(vec4<f32>(inputs[i * 8u + 7u]), g, a7);
    }
  }
  finish(wid.z, row, group, column, lane, a0, a1);
  finish(wid.z, row + 2u, group, column, lane, a2, a3);
  finish(wid.z, row + 4u, group, column, lane, a4, a5);
  finish(wid.z, row + 6u, group, column, lane, a6, a7);
}
