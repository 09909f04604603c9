//! The f64 twins, without a device: known answers, statistics, closed forms.

mod augment;
mod distortion;
mod dropout;
mod optimizer;
mod own;
mod pool;
mod project;
mod resample;
