// Writes pixel i of y, which is pixel `at` of `image` and comes from nowhere: what `fill` gives for its channels.
fn write_filled(i: u32, image: u32, at: u32) {
  for (var c = 0u; c < params.c; c += 4u) {
    let values = fill(image, at, c / 4u);
    for (var k = 0u; k < 4u && c + k < params.c; k++) {
      y[i * params.c + c + k] = values[k];
    }
  }
}
