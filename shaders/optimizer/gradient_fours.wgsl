// As optimizer/gradient.wgsl, of four weights at a time: `grad` is bound as vec4<f32>, and params.fours is 1.
// Sum of the partial sums of elements e .. e + 3, in order.
fn gradient(segment: Segment, e: u32) -> vec4<f32> {
  var i = (segment.grad_offset + e - params.grad_base) / 4u;
  var g = grad[i];
  for (var s = 1u; s < segment.splits; s++) {
    i += segment.len / 4u;
    g += grad[i];
  }
  return g;
}
