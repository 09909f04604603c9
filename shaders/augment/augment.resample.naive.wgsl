// y = rectangles of pictures, resampled to images of h rows and w columns and augmented. For each pixel augment/source.wgsl says
// which pixel of the resampled image it is, and this is interpolated between four bytes v of the rectangle, bilinearly:
// y = factor v + offset + jitter, for each channel; `affine` [2, c] has the factors and the offsets, the jitter is one for an image
// (augment/jitter.wgsl), and c is 3 where there is one. A pixel that comes from nowhere is filled, as in augment.apply.
// One invocation owns one pixel of y, [batch, h, w, c], the images from `first` on. frames: [batch, words]; a frame is a word, rows +
// 2^16 columns of its rectangle, and then the bytes of that, [rows][columns][c], four to a word, lowest first.
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

// Byte `at` of the rectangle whose frame begins at word `frame`.
fn byte(frame: u32, at: u32) -> f32 {
  return f32((frames[frame + 1u + at / 4u] >> (8u * (at % 4u))) & 255u);
}

fn write_from(i: u32, n: u32, image: u32, origin: Pixel) {
  let frame = n * params.words;
  let columns = frames[frame] >> 16u;
  let row = between(origin.row, params.h, frames[frame] & 0xffffu);
  let column = between(origin.column, params.w, columns);
  let added = jitter(image);
  for (var c = 0u; c < params.c; c++) {
    let top = row.first * columns;
    let bottom = row.second * columns;
    let a = byte(frame, (top + column.first) * params.c + c);
    let b = byte(frame, (bottom + column.first) * params.c + c);
    let over = fma(column.part, byte(frame, (top + column.second) * params.c + c) - a, a);
    let under = fma(column.part, byte(frame, (bottom + column.second) * params.c + c) - b, b);
    let v = fma(row.part, under - over, over);
    y[i * params.c + c] = fma(v, affine[c], affine[params.c + c] + added[min(c, 2u)]);
  }
}
