//! The pieces of WGSL that variants share and that are not whole by themselves.

/// `(path under shaders/, text)`: what a file can include besides [`COMMON`](crate::kernels::COMMON). These pieces use
/// bindings, knobs and functions of the file around them, and may hold its entry point.
pub static PARTS: &[(&str, &str)] = &[
    ("project/apply.wgsl", include_str!("../../../shaders/project/apply.wgsl")),
    ("optimizer/gradient.wgsl", include_str!("../../../shaders/optimizer/gradient.wgsl")),
    ("optimizer/gradient_fours.wgsl", include_str!("../../../shaders/optimizer/gradient_fours.wgsl")),
    ("conv2d/read_taps.wgsl", include_str!("../../../shaders/conv2d/read_taps.wgsl")),
    ("conv2d/read_runs.wgsl", include_str!("../../../shaders/conv2d/read_runs.wgsl")),
    ("conv2d/put_outputs.wgsl", include_str!("../../../shaders/conv2d/put_outputs.wgsl")),
    ("conv2d/grad_input_pixels.wgsl", include_str!("../../../shaders/conv2d/grad_input_pixels.wgsl")),
    ("conv2d/put_rows.wgsl", include_str!("../../../shaders/conv2d/put_rows.wgsl")),
    ("conv2d/put_row_pairs.wgsl", include_str!("../../../shaders/conv2d/put_row_pairs.wgsl")),
    ("conv2d/inputs_plain.wgsl", include_str!("../../../shaders/conv2d/inputs_plain.wgsl")),
    ("conv2d/inputs_normalised.wgsl", include_str!("../../../shaders/conv2d/inputs_normalised.wgsl")),
    ("conv2d/write_tile.wgsl", include_str!("../../../shaders/conv2d/write_tile.wgsl")),
    ("conv2d/leave_tile.wgsl", include_str!("../../../shaders/conv2d/leave_tile.wgsl")),
    ("conv2d/leave_tile_statistics.wgsl", include_str!("../../../shaders/conv2d/leave_tile_statistics.wgsl")),
    ("conv2d/leave_matrices.wgsl", include_str!("../../../shaders/conv2d/leave_matrices.wgsl")),
    ("conv2d/leave_matrices_statistics.wgsl", include_str!("../../../shaders/conv2d/leave_matrices_statistics.wgsl")),
    ("conv2d/forward_tiled.wgsl", include_str!("../../../shaders/conv2d/forward_tiled.wgsl")),
    ("conv2d/forward_first.wgsl", include_str!("../../../shaders/conv2d/forward_first.wgsl")),
    ("conv2d/forward_coop.wgsl", include_str!("../../../shaders/conv2d/forward_coop.wgsl")),
    ("conv2d/forward_coop_split.wgsl", include_str!("../../../shaders/conv2d/forward_coop_split.wgsl")),
    ("conv2d/grad_weight_tiled.wgsl", include_str!("../../../shaders/conv2d/grad_weight_tiled.wgsl")),
    ("conv2d/grad_weight_coop.wgsl", include_str!("../../../shaders/conv2d/grad_weight_coop.wgsl")),
    ("conv2d/grad_weight_coop_split.wgsl", include_str!("../../../shaders/conv2d/grad_weight_coop_split.wgsl")),
    ("conv2d/weights_any.wgsl", include_str!("../../../shaders/conv2d/weights_any.wgsl")),
    ("conv2d/weights_signs.wgsl", include_str!("../../../shaders/conv2d/weights_signs.wgsl")),
    ("conv2d/grad_input_coop_split.wgsl", include_str!("../../../shaders/conv2d/grad_input_coop_split.wgsl")),
    ("conv2d/blockwise.wgsl", include_str!("../../../shaders/conv2d/blockwise.wgsl")),
    ("winograd/leave_outputs.wgsl", include_str!("../../../shaders/winograd/leave_outputs.wgsl")),
];
