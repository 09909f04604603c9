// As naive, for c_in a multiple of 4, on GPUs: winograd.input.vec4, behind batch norm and ReLU while it reads.
// Grid: as winograd/expand_input_blocks.wgsl says.
// include conv2d/inputs_normalised.wgsl
// include winograd/expand_input_blocks.wgsl
alias X = f32;
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> table: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> v: array<vec4<f32>>;

fn input_at(i: u32, quad: u32) -> vec4<f32> {
  let quads = params.c_in / 4u;
  return normalised(x[i], table[quad], table[quads + quad], table[2u * quads + quad]);
}
