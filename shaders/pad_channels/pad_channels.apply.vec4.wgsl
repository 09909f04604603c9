// As pad_channels.apply.naive, four channels per invocation: c_in and c_out are multiples of 4.
// Over naive: loads and stores four wide, and the index arithmetic serves four channels.
// Grid: ceil(pixels c_out / 256) workgroups, in rows (common/grid.wgsl).
// in pairs x y
// include entry/each.wgsl
struct Params { pixels: u32, c_in: u32, c_out: u32 }
alias X = f32; // map x
alias Y = f32; // map y
@group(0) @binding(0) var<uniform> params: Params; // baked
@group(0) @binding(1) var<storage, read> x: array<vec4<X>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Y>>;

fn each(i: u32) {
  let quads = params.c_out / 4u;
  if i >= params.pixels * quads {
    return;
  }
  let quad = i % quads;
  var v = vec4<f32>(0.0);
  if quad < params.c_in / 4u {
    v = vec4<f32>(x[i / quads * (params.c_in / 4u) + quad]);
  }
  y[i] = vec4<Y>(v);
}
