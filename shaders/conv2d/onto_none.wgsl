// What conv2d/onto_skip.wgsl gives where there is no `skip`.
fn onto(k: u32, v: Value) -> Value {
  return v;
}
