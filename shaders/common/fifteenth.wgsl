// sum / 15; a multiple of 15 gives an integer, on devices too whose division is not rounded correctly. `fifteen` must not be
// known to the compiler: some turn a chain of operations with constants into one, and its rounding is another.
fn fifteenth(sum: f32, fifteen: f32) -> f32 {
  let near = sum / fifteen;
  return near + fma(-near, fifteen, sum) / fifteen;
}

fn fifteenths(sum: vec4<f32>, fifteen: f32) -> vec4<f32> {
  let near = sum / fifteen;
  return near + fma(-near, vec4<f32>(fifteen), sum) / fifteen;
}
