// BitFlip: the sign turned with probability p0: a fault of a memory that holds signs.
// include project/context.wgsl
fn project_bitflip(w: vec4<f32>, c: Context) -> vec4<f32> {
  return select(w, -w, c.drop_u < vec4<f32>(c.p0));
}
