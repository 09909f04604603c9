// The inputs of a convolution behind batch norm and ReLU, max((x - mean) scale + beta, 0), as norm_relu.forward computes
// them, from x before both: four times four channels, which are number `quad` of the fours of all groups. Padding is zero behind the ReLU,
// so it is put in its place afterwards.
// include conv2d/inputs_inside.wgsl
@group(0) @binding(4) var<storage, read> table: array<vec4<f32>>; // [4, groups, c_in]: mean, scale, beta, inv_std

alias Input = f32;
fn normalised(v: vec4<X>, mean: vec4<f32>, scale: vec4<f32>, beta: vec4<f32>) -> vec4<f32> {
  let z = fma(vec4<f32>(v) - mean, scale, beta);
  return select(z, vec4<f32>(0.0), z < vec4<f32>(0.0));
}

fn inputs(raw: mat4x4<X>, quad: u32) -> mat4x4<Input> {
  let quads = params.groups * (params.c_in / 4u);
  let mean = table[quad];
  let scale = table[quads + quad];
  let beta = table[2u * quads + quad];
  return mat4x4<f32>(normalised(raw[0], mean, scale, beta), normalised(raw[1], mean, scale, beta),
                     normalised(raw[2], mean, scale, beta), normalised(raw[3], mean, scale, beta));
}
