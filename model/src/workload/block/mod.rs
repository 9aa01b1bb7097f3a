//! Blocks: layers composed into the units that networks repeat.

mod bottleneck;
mod decoder;
mod encoder;
mod self_attention;

pub use bottleneck::Bottleneck;
pub use decoder::DecoderLayer;
pub use encoder::{EncoderDropout, EncoderLayer, EncoderNames, NormPlace};
pub use self_attention::SelfAttention;
