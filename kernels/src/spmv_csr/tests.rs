use super::*;
use crate::testing::{assert_close, least, pools, same, special_values, tiers, values};
use proptest::prelude::*;

/// Rows of the given lengths with columns by a fixed rule, in no order.
fn structure(lengths: &[usize], columns: usize) -> (Vec<u32>, Vec<u32>) {
    let mut pointer = vec![0];
    let mut list = Vec::new();
    for length in lengths {
        let start = list.len();
        list.extend((start..start + length).map(|i| (i * 7919 % columns) as u32));
        pointer.push(list.len() as u32);
    }
    (pointer, list)
}

fn check<T: Element>(lengths: &[usize], columns: usize) {
    check_with::<T>(lengths, &values(6, columns));
    check_with::<T>(lengths, &special_values(6, columns));
}

fn check_with<T: Element>(lengths: &[usize], x: &[T]) {
    let columns = x.len();
    let (pointer, list) = structure(lengths, columns);
    let entries = values::<T>(5, list.len());
    let matrix = Csr::new(lengths.len(), columns, &pointer, &list, &entries).unwrap();
    for &tier in tiers() {
        let mut first: Option<Vec<T>> = None;
        for pool in pools() {
            let mut y = vec![T::NAN; lengths.len()];
            spmv_csr(pool.as_ref(), tier, &matrix, x, &mut y).unwrap();
            for (row, found) in y.iter().enumerate() {
                let range = pointer[row] as usize..pointer[row + 1] as usize;
                let products = range.clone().map(|i| entries[i].to_f64() * x[list[i] as usize].to_f64());
                let (wanted, size) = products.fold((0.0, 0.0), |(s, a), p| (s + p, a + p.abs()));
                let bound = (range.len() + 1) as f64 * (2.0 * T::ROUNDOFF * size + least::<T>());
                assert_close(found.to_f64(), wanted, bound, &(tier, row));
            }
            assert!(same(first.get_or_insert_with(|| y.clone()), &y), "{tier} depends on the thread count");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn stretches_of_equal_rows(
        stretches in prop::collection::vec((0usize..10, 1usize..12), 0..12),
        columns in 1usize..300,
    ) {
        let lengths: Vec<usize> = stretches.iter().flat_map(|(length, rows)| vec![*length; *rows]).collect();
        check::<f32>(&lengths, columns);
        check::<f64>(&lengths, columns);
    }

    #[test]
    fn any_rows(lengths in prop::collection::vec(prop_oneof![0usize..8, 0usize..300], 0..40), columns in 1usize..500) {
        check::<f32>(&lengths, columns);
        check::<f64>(&lengths, columns);
    }
}

#[test]
fn a_matrix_without_rows_or_entries() {
    check::<f32>(&[], 3);
    check::<f64>(&[0, 0, 0], 1);
}

#[test]
fn an_x_beyond_the_caches() {
    // Elements of x are asked for ahead there, but for the last rows.
    let lengths = [3, 3, 3, 3, 0, 1, 200, 7, 90, 2, 5, 5, 5, 5, 63, 1, 66];
    check_with::<f32>(&lengths, &values(6, (1 << 18) + 5));
    check_with::<f64>(&lengths, &values(6, (1 << 17) + 5));
}

#[test]
fn sizes_that_overflow_an_index_are_refused() {
    let none: [f32; 0] = [];
    let overflow = KernelError::Overflow { what: "the matrix (32-bit indices)" };
    for (rows, columns) in [(1 << 31, 1), (1, 1 << 31), (usize::MAX, 1), (1, usize::MAX)] {
        assert_eq!(Csr::new(rows, columns, &[0], &[], &none).unwrap_err(), overflow);
    }
}

#[test]
fn broken_matrices_are_refused_by_what_is_wrong() {
    let new = |pointer: &[u32], columns: &[u32]| {
        let values = vec![1.0f32; columns.len()];
        Csr::new(2, 2, pointer, columns, &values).map(|_| ()).unwrap_err()
    };
    assert_eq!(new(&[0, 1], &[0]), KernelError::Length { what: "row_pointer", expected: 3, found: 2 });
    assert!(matches!(new(&[1, 1, 2], &[0, 0]), KernelError::RowPointer { index: 0, found: 1, .. }));
    assert!(matches!(new(&[0, 2, 1], &[0, 0]), KernelError::RowPointer { index: 2, found: 1, .. }));
    assert!(matches!(new(&[0, 3, 2], &[0, 0]), KernelError::RowPointer { index: 1, found: 3, .. }));
    assert!(matches!(new(&[0, 1, 1], &[0, 0]), KernelError::RowPointer { index: 2, found: 1, .. }));
    assert_eq!(new(&[0, 1, 2], &[0, 2]), KernelError::Index { what: "column", entry: 1, found: 2, limit: 2 });
    let values = [1.0f32; 2];
    let matrix = Csr::new(2, 2, &[0, 1, 2], &[0, 1], &values).unwrap();
    let found = spmv_csr(None, Tier::Scalar, &matrix, &[1.0], &mut [0.0; 2]);
    assert_eq!(found, Err(KernelError::Length { what: "x", expected: 2, found: 1 }));
}
