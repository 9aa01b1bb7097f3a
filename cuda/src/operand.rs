//! Operands: what each buffer of a plan holds, made from a seed on the host.
//!
//! Values come from a hash of (seed, index), so a buffer is the same whoever makes it, and never zeros: constant data
//! hides wrong indices and burns less energy than real data does.

use ergometer_record::Precision;
use half::{bf16, f16};
use std::sync::Arc;

mod sparse;

pub use sparse::{Csr, laplacian, power_law};

/// Contents of one buffer.
#[derive(Debug, Clone)]
pub enum Content {
    /// A row-major matrix of values in [-1, 1), rows padded with zeros to the leading dimension `ld`. A vector is one row.
    Uniform {
        /// Format in memory.
        precision: Precision,
        /// Rows.
        rows: usize,
        /// Values in a row.
        cols: usize,
        /// Values from one row to the next.
        ld: usize,
        /// Of the values.
        seed: u64,
    },
    /// Random bits.
    Bits {
        /// How many bytes.
        bytes: usize,
        /// Of the values.
        seed: u64,
    },
    /// Bytes made beforehand.
    Given(Arc<Vec<u8>>),
    /// Written by the kernel. Before a check it is filled with 0xff, which is NaN in every format used here.
    Output {
        /// How many bytes.
        bytes: usize,
    },
}

impl Content {
    /// Its length; at least 1, since an empty allocation is an error to CUDA.
    pub fn bytes(&self) -> usize {
        let bytes = match self {
            Self::Uniform { precision, rows, ld, .. } => rows * ld * precision.bytes() as usize,
            Self::Bits { bytes, .. } | Self::Output { bytes } => *bytes,
            Self::Given(bytes) => bytes.len(),
        };
        bytes.max(1)
    }

    /// True for what the kernel writes.
    pub fn is_output(&self) -> bool {
        matches!(self, Self::Output { .. })
    }

    /// The bytes to upload; poison for outputs.
    pub fn generate(&self) -> Vec<u8> {
        let mut out = match self {
            Self::Uniform { precision, rows, cols, ld, seed } => {
                let value = |i: usize| {
                    let (row, col) = (i / ld, i % ld);
                    if col < *cols { uniform(*seed, (row * cols + col) as u64) } else { 0.0 }
                };
                let count = rows * ld;
                match precision {
                    Precision::F64 => (0..count).flat_map(|i| value(i).to_le_bytes()).collect(),
                    Precision::F32 | Precision::Tf32 => {
                        (0..count).flat_map(|i| (value(i) as f32).to_le_bytes()).collect()
                    }
                    Precision::Bf16 => (0..count).flat_map(|i| bf16::from_f64(value(i)).to_le_bytes()).collect(),
                    Precision::F16 => (0..count).flat_map(|i| f16::from_f64(value(i)).to_le_bytes()).collect(),
                }
            }
            Self::Bits { bytes, seed } => {
                let words = bytes.div_ceil(8) as u64;
                let mut all: Vec<u8> = (0..words).flat_map(|i| hash(*seed, i).to_le_bytes()).collect();
                all.truncate(*bytes);
                all
            }
            Self::Given(bytes) => bytes.to_vec(),
            Self::Output { bytes } => vec![0xff; *bytes],
        };
        if out.is_empty() {
            out.push(0);
        }
        out
    }
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) as a hash of (seed, index).
pub fn hash(seed: u64, index: u64) -> u64 {
    let mut z = seed
        .wrapping_mul(0xD134_2543_DE82_EF95)
        .wrapping_add(index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A value in [-1, 1), by 53 bits of the hash.
pub fn uniform(seed: u64, index: u64) -> f64 {
    (hash(seed, index) >> 11) as f64 * (2.0 / (1u64 << 53) as f64) - 1.0
}

/// The values of a buffer, widened to f64.
pub fn widen(bytes: &[u8], precision: Precision) -> Vec<f64> {
    match precision {
        Precision::F64 => bytes.as_chunks().0.iter().map(|c| f64::from_le_bytes(*c)).collect(),
        Precision::F32 | Precision::Tf32 => {
            bytes.as_chunks().0.iter().map(|c| f64::from(f32::from_le_bytes(*c))).collect()
        }
        Precision::Bf16 => bytes.as_chunks().0.iter().map(|c| bf16::from_le_bytes(*c).to_f64()).collect(),
        Precision::F16 => bytes.as_chunks().0.iter().map(|c| f16::from_le_bytes(*c).to_f64()).collect(),
    }
}

/// Little-endian bytes of 32-bit indices.
pub(crate) fn index_bytes(indices: &[u32]) -> Arc<Vec<u8>> {
    Arc::new(indices.iter().flat_map(|i| i.to_le_bytes()).collect())
}

/// The ring of the chase probe: node `i` of 128 bytes begins with the number of the node after it. One cycle through
/// all nodes in random order, by Sattolo's algorithm.
pub(crate) fn ring(nodes: usize, seed: u64) -> Arc<Vec<u8>> {
    let mut next: Vec<u64> = (0..nodes as u64).collect();
    for i in (1..nodes).rev() {
        next.swap(i, (hash(seed, i as u64) % i as u64) as usize);
    }
    let mut bytes = vec![0u8; nodes * 128];
    for (node, link) in bytes.as_chunks_mut::<128>().0.iter_mut().zip(next) {
        node[..8].copy_from_slice(&link.to_le_bytes());
    }
    Arc::new(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fill_the_interval_and_padding_is_zero() {
        let content = Content::Uniform { precision: Precision::F32, rows: 100, cols: 99, ld: 104, seed: 3 };
        let values = widen(&content.generate(), Precision::F32);
        assert_eq!((values.len(), values.len() * 4), (10_400, content.bytes()));
        let inner: Vec<f64> = values.chunks(104).flat_map(|row| row[..99].to_vec()).collect();
        assert!(values.chunks(104).all(|row| row[99..] == [0.0; 5]));
        let mean = inner.iter().sum::<f64>() / inner.len() as f64;
        let square = inner.iter().map(|x| x * x).sum::<f64>() / inner.len() as f64;
        // Mean 0 and variance 1/3 within six standard errors of 9,900 draws.
        assert!(
            mean.abs() < 6.0 * (1.0f64 / 3.0 / 9900.0).sqrt() && (square - 1.0 / 3.0).abs() < 0.02,
            "{mean} {square}"
        );
    }

    #[test]
    fn the_ring_is_one_cycle() {
        let bytes = ring(1000, 5);
        let next = |i: usize| u64::from_le_bytes(bytes[i * 128..i * 128 + 8].try_into().unwrap()) as usize;
        let (mut at, mut length) = (next(0), 1);
        while at != 0 {
            at = next(at);
            length += 1;
        }
        assert_eq!(length, 1000);
    }
}
