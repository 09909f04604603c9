// As augment.resample.naive for c = 3, by pixels: the three bytes of one come out of at most two words.
// Over naive: eight loads of bytes for a pixel instead of twelve, and the channels are one vector.
// Grid: ceil(batch h w / 64) workgroups, in rows.
// include entry/each.wgsl
// include augment/rectangle.wgsl
// include augment/jitter.wgsl if components else augment/no_jitter.wgsl
// include augment/fill_random.wgsl if levels else augment/fill_zero.wgsl
// include augment/each.wgsl
struct Params {
  batch: u32, first: u32, h: u32, w: u32, c: u32, words: u32, values: u32, flip: u32, crop: u32, cutout: u32,
}
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var<uniform> step: Step;
@group(0) @binding(2) var<storage, read> frames: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(6) var<storage, read> affine: array<f32>;

// Pixel `at` of the rectangle whose frame begins at word `frame`.
fn pixel(frame: u32, at: u32) -> vec3<f32> {
  let first = 3u * at;
  let shift = 8u * (first % 4u);
  // Two shifts, since one by 32 means nothing.
  let high = (frames[frame + 1u + (first + 2u) / 4u] << (24u - shift)) << 8u;
  let bytes = (frames[frame + 1u + first / 4u] >> shift) | high;
  return vec3<f32>(f32(bytes & 255u), f32((bytes >> 8u) & 255u), f32((bytes >> 16u) & 255u));
}

fn write_from(i: u32, n: u32, image: u32, origin: Pixel) {
  let frame = n * params.words;
  let columns = frames[frame] >> 16u;
  let row = between(origin.row, params.h, frames[frame] & 0xffffu);
  let column = between(origin.column, params.w, columns);
  let top = row.first * columns;
  let bottom = row.second * columns;
  let a = pixel(frame, top + column.first);
  let b = pixel(frame, bottom + column.first);
  let over = fma(vec3<f32>(column.part), pixel(frame, top + column.second) - a, a);
  let under = fma(vec3<f32>(column.part), pixel(frame, bottom + column.second) - b, b);
  let v = fma(vec3<f32>(row.part), under - over, over);
  let factor = vec3<f32>(affine[0], affine[1], affine[2]);
  let value = fma(v, factor, vec3<f32>(affine[3], affine[4], affine[5]) + jitter(image));
  y[3u * i] = value.x;
  y[3u * i + 1u] = value.y;
  y[3u * i + 2u] = value.z;
}
