// Ranking of classes, for top-1 and top-5 counts. The order of NaN is left open by WGSL, so bits are tested.
fn is_nan(v: f32) -> bool {
  return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u;
}

// Whether class j with logit v stands before the class `label` with logit t: a larger logit, or an equal one of a lower
// class, so that ties are decided the same way everywhere; NaN stands before everything.
fn outranks(v: f32, j: u32, t: f32, label: u32) -> bool {
  return is_nan(v) || v > t || (v == t && j < label);
}
