// The matrices of common/winograd.wgsl for the filter: row i of G and of H.
fn filter_rows(i: u32) -> vec3<f32> {
  switch i {
    case 0u: { return vec3<f32>(1.0, 0.0, 0.0); }
    case 1u: { return vec3<f32>(0.5, 0.5, 0.5); }
    case 2u: { return vec3<f32>(0.5, -0.5, 0.5); }
    default: { return vec3<f32>(0.0, 0.0, 1.0); }
  }
}

fn filter_columns(j: u32) -> vec3<f32> {
  switch j {
    case 0u: { return vec3<f32>(15.0, 0.0, 0.0); }
    case 1u: { return vec3<f32>(5.0, 5.0, 5.0); }
    case 2u: { return vec3<f32>(-5.0, 5.0, -5.0); }
    case 3u: { return vec3<f32>(-16.0, -8.0, -4.0); }
    case 4u: { return vec3<f32>(1.0, -2.0, 4.0); }
    default: { return vec3<f32>(0.0, 0.0, 15.0); }
  }
}
