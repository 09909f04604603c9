// What the gradient of the weights multiplies, a matrix of rows (ky, kx, ci) x pixels with dy: four rows or columns at a time, and four
// pixels.

// Four rows of dw, four channels of one tap: the tap, the offset of the channels from the first input of a pixel, and
// which four of the channels they are.
struct Rows { ky: u32, kx: u32, at: u32, quad: u32 }

// Rows 4 i .. 4 i + 3; beyond the last, some that read nothing.
fn rows(i: u32) -> Rows {
  let depth = params.c_in / 4u;
  let tap = i / depth;
  let ky = tap / params.kw - params.pad_h;
  let kx = tap % params.kw - params.pad_w;
  let at = (ky * params.w + kx) * depth + i % depth;
  return Rows(select(ky, 0x40000000u, tap >= params.kh * params.kw), kx, at, i % depth);
}

// Four columns of dy for the pixels k, k + 1, k + 2, k + 3 below `end`; a column of the matrix holds one pixel.
fn fetch_dy(column: u32, k: u32, end: u32) -> mat4x4<f32> {
  let columns = params.c_out / 4u;
  let inside = (vec4<u32>(k) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(end)) & vec4<bool>(column < columns);
  let at = select(vec4<u32>(0u), vec4<u32>(k * columns + column) + vec4<u32>(0u, 1u, 2u, 3u) * columns, inside);
  return mat4x4<f32>(select(vec4<f32>(0.0), dy[at.x], inside.x), select(vec4<f32>(0.0), dy[at.y], inside.y),
                     select(vec4<f32>(0.0), dy[at.z], inside.z), select(vec4<f32>(0.0), dy[at.w], inside.w));
}
