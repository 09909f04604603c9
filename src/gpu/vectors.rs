//! How wide a software driver's vectors are.

/// What lavapipe reads when it is loaded: the bits of its vectors.
const VECTOR_BITS: &str = "LP_NATIVE_VECTOR_WIDTH";

/// Has lavapipe compile for vectors of 512 bits where the processor has them: it stops at 256 by itself, and a matrix
/// product gains a half to two thirds. A user's own setting stays.
///
/// # Safety
/// To be called while the process has one thread: it changes the environment.
pub unsafe fn widen() {
    #[cfg(target_arch = "x86_64")]
    if std::env::var_os(VECTOR_BITS).is_none() && std::arch::is_x86_feature_detected!("avx512f") {
        // SAFETY: no other thread reads the environment, as the caller asserts.
        unsafe { std::env::set_var(VECTOR_BITS, "512") };
    }
}
