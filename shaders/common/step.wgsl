// The numbers that change from step to step (src/plan/step.rs). Bind as `var<uniform> step: Step;`.
struct Step {
  seed_lo: u32, seed_hi: u32,
  step_lo: u32, step_hi: u32, // of the draw in evaluation
  lr: f32,
  bias1: f32, bias2: f32,     // ADAM: 1 / (1 - beta1^t), 1 / sqrt(1 - beta2^t)
  clip_scale: f32,
  beta_u: f32,                // uniform draw of this step for a ranged Power
  slot: u32,                  // row of the metrics that this step writes
  valid: u32,                 // valid samples in the whole batch
  first_image: u32,           // place of the first image of the pass in the whole batch
  reserved0: u32, reserved1: u32, reserved2: u32, reserved3: u32,
}
