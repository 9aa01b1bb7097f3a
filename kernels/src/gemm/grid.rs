//! Which block of C each worker computes.

use std::ops::Range;

/// Rows and columns of one worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
}

/// Workers across rows and columns: the factorisation of their number with the least packing, which is proportional to
/// rows plus columns of a block.
pub(super) fn shape(m: usize, n: usize, workers: usize) -> (usize, usize) {
    let cost = |down: usize| m.div_ceil(down) as u128 + n.div_ceil(workers / down) as u128;
    let best = (1..=workers).filter(|down| workers.is_multiple_of(*down)).min_by_key(|down| cost(*down));
    let down = best.unwrap_or(1);
    (down, workers / down)
}

/// The block of worker `index` in a grid of `shape`, cut at multiples of the tile where there are enough tiles.
pub(super) fn block(m: usize, n: usize, shape: (usize, usize), tile: (usize, usize), index: usize) -> Block {
    let cut = |len: usize, of: usize, tile: usize, i: usize| {
        let tiles = len.div_ceil(tile);
        let border = |i: usize| ((tiles as u128 * i as u128 / of as u128) as usize * tile).min(len);
        border(i)..border(i + 1)
    };
    Block { rows: cut(m, shape.0, tile.0, index / shape.1), columns: cut(n, shape.1, tile.1, index % shape.1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn blocks_cover_c_once(m in 1usize..80, n in 1usize..80, workers in 1usize..13, tile in 1usize..20) {
            let shape = shape(m, n, workers);
            prop_assert_eq!(shape.0 * shape.1, workers);
            let mut hits = vec![0; m * n];
            for i in 0..workers {
                let b = block(m, n, shape, (tile, 3), i);
                for r in b.rows {
                    for c in b.columns.clone() {
                        hits[r * n + c] += 1;
                    }
                }
            }
            prop_assert!(hits.iter().all(|h| *h == 1));
        }
    }

    #[test]
    fn skinny_products_are_cut_along_their_length() {
        assert_eq!(shape(32, 4096, 2), (1, 2));
        assert_eq!(shape(4096, 32, 2), (2, 1));
        assert_eq!(shape(1000, 1000, 4), (2, 2));
    }
}
