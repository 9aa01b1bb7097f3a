use super::*;
use crate::testing::{assert_close, pools, same, tiers, values};
use proptest::prelude::*;

fn check<T: Element>(lengths: &[usize], columns: usize) {
    let rows: Vec<u32> = lengths.iter().enumerate().flat_map(|(r, n)| vec![r as u32; *n]).collect();
    let list: Vec<u32> = (0..rows.len()).map(|i| (i * 7919 % columns) as u32).collect();
    let (entries, x) = (values::<T>(5, rows.len()), values::<T>(6, columns));
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
            spmv_coo(pool.as_ref(), tier, &matrix, &x, &mut y).unwrap();
            for (found, (sum, size, n)) in y.iter().zip(&wanted) {
                assert_close(found.to_f64(), *sum, f64::from(n + 1) * 2.0 * T::ROUNDOFF * size, &tier);
            }
            assert!(same(first.get_or_insert_with(|| y.clone()), &y), "{tier} depends on the thread count");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
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
fn broken_matrices_are_refused_by_what_is_wrong() {
    let new = |rows: &[u32], columns: &[u32]| Coo::new(2, 2, rows, columns, &[1.0f32; 2]).map(|_| ()).unwrap_err();
    assert_eq!(new(&[0, 0], &[0]), KernelError::Length { what: "columns", expected: 2, found: 1 });
    assert_eq!(new(&[1, 0], &[0, 0]), KernelError::Unsorted { entry: 1, found: 0, before: 1 });
    assert_eq!(new(&[0, 2], &[0, 0]), KernelError::Index { what: "row", entry: 1, found: 2, limit: 2 });
    assert_eq!(new(&[0, 1], &[5, 0]), KernelError::Index { what: "column", entry: 0, found: 5, limit: 2 });
}
