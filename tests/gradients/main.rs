//! Backward passes against central differences in f64, without a device: those of single kernels, and those of whole
//! networks through the plans that train them.

mod kernels;
mod networks;
