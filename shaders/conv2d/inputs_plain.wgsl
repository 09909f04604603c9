// The inputs of a convolution as they lie in x: four times four channels, which are number `quad` of the fours of all groups.
// include conv2d/inputs_inside.wgsl
alias Input = X;
fn inputs(raw: mat4x4<X>, quad: u32) -> mat4x4<Input> {
  return raw;
}
