// What the optimisers share: the gradient of an element, and the clip.

// Sum of the partial sums of element e, in order, plus the weight decay. grad: from element `grad_base` on.
fn gradient(segment: Segment, e: u32, w: f32) -> f32 {
  var i = segment.grad_offset + e - params.grad_base;
  var g = grad[i];
  for (var s = 1u; s < segment.splits; s++) {
    i += segment.len;
    g += grad[i];
  }
  return g + segment.decay * w;
}

// To [-c, c], c = c_k times the step's scale (RECIPES A2, A9).
fn clipped(segment: Segment, w: f32) -> f32 {
  if segment.clip >= NO_CLIP {
    return w;
  }
  let c = segment.clip * step.clip_scale;
  return clamp(w, -c, c);
}
