// What an invocation of an augmenting kernel does: pixel i of y, which comes from nowhere or, as the file around it says with
// `write_from`, from pixel `origin` of image n of the batch, which is `image` of the pass.
// include augment/source.wgsl
fn each(i: u32) {
  let pixels = params.h * params.w;
  if i >= params.batch * pixels {
    return;
  }
  let n = i / pixels;
  let image = step.first_image + params.first + n;
  let origin = source(image, i % pixels);
  if !origin.filled {
    write_from(i, n, image, origin);
    return;
  }
  for (var c = 0u; c < params.c; c += 4u) {
    let values = fill(image, i % pixels, c / 4u);
    for (var k = 0u; k < 4u && c + k < params.c; k++) {
      y[i * params.c + c + k] = values[k];
    }
  }
}
