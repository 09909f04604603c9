// As lanes, for one group and any number of input channels (the first layer).
// Grid: as lanes.
// include conv2d/output_rows.wgsl
// include conv2d/onto_skip.wgsl if skip else conv2d/onto_none.wgsl
// include conv2d/stored_bits.wgsl if bits else conv2d/stored_texels.wgsl
// include conv2d/zeros_marked.wgsl if zeros else conv2d/zeros_none.wgsl
// include conv2d/forward_runs.wgsl
// include conv2d/subgroup_32x32.wgsl
alias Y = f32; // map y
alias S = f32; // map skip
alias Skip = vec4<S>;
alias Value = vec4<f32>;
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>; // or array
@group(0) @binding(2) var w: texture_storage_2d<rgba32float, read>; // unless bits
@group(0) @binding(3) var<storage, read_write> y: array<vec4<Y>>;

const GATHERS: bool = false; // gathers
const SHIFTED: bool = false; // variant
