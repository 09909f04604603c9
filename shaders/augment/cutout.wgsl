// Fills a square of params.cutout x params.cutout pixels with its centre at any pixel of the image (DeVries and Taylor 2017,
// "Improved regularization of convolutional neural networks with cutout"): it may lie partly outside.
fn cutout(p: Pixel, r: vec4<u32>) -> Pixel {
  // Row and column in the square; what would be below 0 is beyond its last as well.
  let row = p.row + params.cutout / 2u - below(r.x, params.h);
  let column = p.column + params.cutout / 2u - below(r.y, params.w);
  return Pixel(p.row, p.column, p.filled || (row < params.cutout && column < params.cutout));
}
