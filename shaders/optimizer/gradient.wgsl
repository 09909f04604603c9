// The gradient of one weight, as every optimiser takes it: the file around binds `grad` as f32 and has params.grad_base.
// Sum of the partial sums of element e, in order.
fn gradient(segment: Segment, e: u32) -> f32 {
  var i = segment.grad_offset + e - params.grad_base;
  var g = grad[i];
  for (var s = 1u; s < segment.splits; s++) {
    i += segment.len;
    g += grad[i];
  }
  return g;
}
