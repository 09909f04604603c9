//! What a network is and how it is trained, as data.

pub mod preset;
