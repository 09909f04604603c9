// The image padded by params.crop filled pixels on every side, and of that a part of the image's size, anywhere.
fn crop(p: Pixel, r: vec4<u32>) -> Pixel {
  let places = 2u * params.crop + 1u;
  // What would be below 0 is beyond the last row or column as well.
  let row = p.row + below(r.x, places) - params.crop;
  let column = p.column + below(r.y, places) - params.crop;
  return Pixel(row, column, p.filled || row >= params.h || column >= params.w);
}
