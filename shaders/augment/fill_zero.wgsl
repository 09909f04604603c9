// What four channels of a filled pixel become: 0.
fn fill(image: u32, pixel: u32, four: u32) -> vec4<f32> {
  return vec4<f32>(0.0);
}
