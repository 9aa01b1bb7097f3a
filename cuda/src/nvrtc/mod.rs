//! NVRTC: where it is found, and its C interface.
//!
//! cudarc's own loader panics when the library is missing and knows the loader path only; a user without a toolkit has
//! NVRTC in a Python wheel. So this crate finds and binds the nine functions that it needs itself.

mod library;
mod search;

pub use library::Nvrtc;
pub use search::{Places, candidates, find};
