//! Repeated operations are kept once with their count, which keeps a twelve-layer network as short as one layer.

use super::op::Op;
use std::collections::HashMap;

/// Merges operations that differ only in the numbers of their paths; the first one gives the place.
pub(super) fn merge(ops: impl Iterator<Item = Op>) -> Vec<Op> {
    let mut merged: Vec<Op> = Vec::new();
    let mut places: HashMap<Key, usize> = HashMap::new();
    for op in ops {
        let masked = masked(&op.name);
        let key = Key::of(&op, masked.clone());
        match places.get(&key).and_then(|place| merged.get_mut(*place)) {
            Some(known) => {
                known.count += op.count;
                if known.name != op.name {
                    known.name = masked;
                }
            }
            None => {
                places.insert(key, merged.len());
                merged.push(op);
            }
        }
    }
    merged
}

/// Everything but the count, with the numbers of the path masked.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    name: String,
    extents: (super::OpClass, super::Unit, super::OpShape),
    numbers: [u64; 5],
}

impl Key {
    fn of(op: &Op, name: String) -> Self {
        let numbers = [op.flops, op.bytes_read, op.bytes_written, u64::from(op.launches), op.working_set];
        Self { name, extents: (op.class, op.unit, op.shape), numbers }
    }
}

fn masked(path: &str) -> String {
    let mask = |part: &'_ str| if part.bytes().all(|b| b.is_ascii_digit()) { "*".to_owned() } else { part.to_owned() };
    path.split('.').map(mask).collect::<Vec<_>>().join(".")
}
