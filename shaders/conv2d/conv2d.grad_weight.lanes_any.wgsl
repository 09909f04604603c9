// As conv2d.grad_weight.lanes, for any number of input channels: the inputs come from a buffer, one by one, because four rows
// that follow each other may belong to several taps. For first layers.
// Grid: x = ceil(kh kw c_in / 32), y = groups ceil(c_out / 32), z = splits.
// include common/conv2d.wgsl
// include common/layout_by_row.wgsl
// include conv2d/rotated_product.wgsl
alias X = f32; // map x
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<X>;
@group(0) @binding(2) var dy: texture_storage_2d<rgba32float, read>; // or array
@group(0) @binding(3) var<storage, read_write> dw: array<vec4<f32>>;

const GATHERS: bool = false; // gathers

// Four rows of the weights: their taps, and the offsets of their inputs from the first input of the pixel.
struct FourRows { ky: vec4<u32>, kx: vec4<u32>, at: vec4<u32> }

// Rows 4 i .. 4 i + 3; beyond the last, some that read nothing.
fn weight_rows(group: u32, i: u32) -> FourRows {
  let row = vec4<u32>(4u * i) + vec4<u32>(0u, 1u, 2u, 3u);
  let tap = row / params.c_in;
  let ky = tap / params.kw - params.pad_h;
  let kx = tap % params.kw - params.pad_w;
  let real = tap < vec4<u32>(params.kh * params.kw);
  return FourRows(select(vec4<u32>(0x40000000u), ky, real), kx,
              ((ky * params.w + kx) * params.groups + group) * params.c_in + row % params.c_in);
}

fn input(r: FourRows, p: Pixel) -> vec4<f32> {
  let inside = (p.y + r.ky < vec4<u32>(params.h)) & (p.x + r.kx < vec4<u32>(params.w)) & vec4<bool>(p.n < params.n);
  let at = select(vec4<u32>(0u), ((p.n * params.h + p.y) * params.w + p.x) * params.groups * params.c_in + r.at, inside);
  return select(vec4<f32>(0.0), vec4<f32>(vec4<X>(x[at.x], x[at.y], x[at.z], x[at.w])), inside);
}

// Those of the rows 4 i .. 4 i + 3 that are real.
fn write_four(split: u32, i: u32, column: u32, v: mat4x4<f32>) {
  let rows = params.kh * params.kw * params.c_in;
  let quads = params.groups * (params.c_out / 4u);
  let to = (split * rows + 4u * i) * quads + column;
  if 4u * i < rows { dw[to] = v[0]; }
  if 4u * i + 1u < rows { dw[to + quads] = v[1]; }
  if 4u * i + 2u < rows { dw[to + 2u * quads] = v[2]; }
  if 4u * i + 3u < rows { dw[to + 3u * quads] = v[3]; }
}
