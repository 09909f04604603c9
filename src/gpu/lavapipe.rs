//! What lavapipe, Mesa's software driver, reads from the environment when it is loaded: how many threads it has. What a
//! user has set stays.

use std::sync::OnceLock;

/// The threads of its pool; 0: there is no pool.
const POOL: &str = "LP_NUM_THREADS";

/// Does what [`super::Options::one_thread`] asks for, before the driver is loaded for the first time; whether there is no pool.
pub(super) fn settle_pool(one_thread: bool) -> bool {
    static POOLLESS: OnceLock<bool> = OnceLock::new();
    *POOLLESS.get_or_init(|| match std::env::var_os(POOL) {
        Some(given) => given == "0",
        None => {
            if one_thread {
                // SAFETY: no thread of a driver that could read the environment meanwhile exists yet: every device is
                // opened behind this. Rust's own readers take a lock.
                unsafe { std::env::set_var(POOL, "0") };
            }
            one_thread
        }
    })
}
