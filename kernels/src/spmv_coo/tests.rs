use super::*;
use crate::testing::{assert_close, least, pools, same, special_values, tiers, values};
use proptest::prelude::*;

fn check<T: Element>(lengths: &[usize], columns: usize) {
    check_with::<T>(lengths, &values(6, columns));
    check_with::<T>(lengths, &special_values(6, columns));
}

fn check_with<T: Element>(lengths: &[usize], x: &[T]) {
    let columns = x.len();
    let rows: Vec<u32> = lengths.iter().enumerate().flat_map(|(r, n)| vec![r as u32; *n]).collect();
    let list: Vec<u32> = (0..rows.len()).map(|i| (i * 7919 % columns) as u32).collect();
    let entries = values::<T>(5, rows.len());
    let matrix = Coo::new(lengths.len(), columns, &rows, &list, &entries).unwrap();
    let mut wanted = vec![(0.0, 0.0, 0); lengths.len()];
    for i in 0..rows.len() {
        let product = entries[i].to_f64() * x[list[i] as usize].to_f64();
        let row = &mut wanted[rows[i] as usize];
        *row = (row.0 + product, row.1 + product.abs(), row.2 + 1);
    }
    for &tier in tiers() {
        let mut first: Option<Vec<T>> = None;
        for pool in pools() {
            let mut y = vec![T::NAN; lengths.len()];
            spmv_coo(pool.as_ref(), tier, &matrix, x, &mut y).unwrap();
            for (found, (sum, size, n)) in y.iter().zip(&wanted) {
                let bound = f64::from(n + 1) * (2.0 * T::ROUNDOFF * size + least::<T>());
                assert_close(found.to_f64(), *sum, bound, &tier);
            }
            assert!(same(first.get_or_insert_with(|| y.clone()), &y), "{tier} depends on the thread count");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn stretches_of_equal_rows(
        stretches in prop::collection::vec((0usize..10, 1usize..20), 0..12),
        columns in 1usize..300,
    ) {
        let lengths: Vec<usize> = stretches.iter().flat_map(|(length, rows)| vec![*length; *rows]).collect();
        check::<f32>(&lengths, columns);
        check::<f64>(&lengths, columns);
    }

    #[test]
    fn any_rows(lengths in prop::collection::vec(prop_oneof![Just(0usize), 0usize..8, 0usize..300], 0..40), columns in 1usize..500) {
        check::<f32>(&lengths, columns);
        check::<f64>(&lengths, columns);
    }
}

#[test]
fn empty_rows_at_both_ends_become_zero() {
    check::<f32>(&[0, 0, 3, 0, 0, 200, 0], 10);
    check::<f64>(&[0, 0], 1);
}

#[test]
fn an_x_beyond_the_caches() {
    let lengths = [3, 3, 3, 3, 0, 1, 200, 7, 90, 2, 5, 5, 5, 5, 63, 1, 66, 40, 31, 33];
    check_with::<f32>(&lengths, &values(6, (1 << 18) + 5));
    check_with::<f64>(&lengths, &values(6, (1 << 17) + 5));
}

#[test]
fn a_tier_sums_a_row_as_from_compressed_rows() {
    let lengths: Vec<usize> = (0..300).map(|r| [5, 5, 5, 5, 5, 6, 40, 0, 8][r / 10 % 9]).collect();
    let rows: Vec<u32> = lengths.iter().enumerate().flat_map(|(r, n)| vec![r as u32; *n]).collect();
    let columns: Vec<u32> = (0..rows.len()).map(|i| (i * 7919 % 500) as u32).collect();
    let mut pointer = vec![0];
    pointer.extend(lengths.iter().scan(0, |sum, n| {
        *sum += *n as u32;
        Some(*sum)
    }));
    let (entries, x) = (values::<f32>(5, rows.len()), values::<f32>(6, 500));
    let coo = Coo::new(300, 500, &rows, &columns, &entries).unwrap();
    let csr = crate::spmv_csr::Csr::new(300, 500, &pointer, &columns, &entries).unwrap();
    for &tier in tiers() {
        let (mut found, mut wanted) = ([0.0; 300], [1.0; 300]);
        spmv_coo(None, tier, &coo, &x, &mut found).unwrap();
        crate::spmv_csr::spmv_csr(None, tier, &csr, &x, &mut wanted).unwrap();
        assert!(same(&found, &wanted), "{tier}");
    }
}

#[test]
fn sizes_that_overflow_an_index_are_refused() {
    let none: [f32; 0] = [];
    let overflow = KernelError::Overflow { what: "the matrix (32-bit indices)" };
    for (rows, columns) in [(1 << 31, 1), (1, 1 << 31), (usize::MAX, 1), (1, usize::MAX)] {
        assert_eq!(Coo::new(rows, columns, &[], &[], &none).unwrap_err(), overflow);
    }
}

#[test]
fn broken_matrices_are_refused_by_what_is_wrong() {
    let new = |rows: &[u32], columns: &[u32]| Coo::new(2, 2, rows, columns, &[1.0f32; 2]).map(|_| ()).unwrap_err();
    assert_eq!(new(&[0, 0], &[0]), KernelError::Length { what: "columns", expected: 2, found: 1 });
    assert_eq!(new(&[1, 0], &[0, 0]), KernelError::Unsorted { entry: 1, found: 0, before: 1 });
    assert_eq!(new(&[0, 2], &[0, 0]), KernelError::Index { what: "row", entry: 1, found: 2, limit: 2 });
    assert_eq!(new(&[0, 1], &[5, 0]), KernelError::Index { what: "column", entry: 0, found: 5, limit: 2 });
}
