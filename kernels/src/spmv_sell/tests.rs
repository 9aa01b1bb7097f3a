use super::*;
use crate::random::hash;
use crate::sparse::generate;
use crate::spmv_csr::{Csr, spmv_csr};
use crate::testing::{assert_close, least, pools, same, special_values, tiers, values};
use ergometer_record::{Kernel, KernelSpec, Precision, Size, kernel::Pattern};
use proptest::prelude::*;

/// Against the f64 sum of the compressed rows, in every tier and with every pool.
fn check<T: Element>(pointer: &[u32], list: &[u32], columns: usize) -> Sell<T> {
    check_with(pointer, list, &special_values::<T>(6, columns));
    check_with(pointer, list, &values::<T>(6, columns))
}

fn check_with<T: Element>(pointer: &[u32], list: &[u32], x: &[T]) -> Sell<T> {
    let (rows, columns) = (pointer.len() - 1, x.len());
    let entries = values::<T>(5, list.len());
    let matrix = Csr::new(rows, columns, pointer, list, &entries).unwrap();
    let sell = Sell::inspect(&matrix).unwrap();
    for &tier in tiers() {
        let mut first: Option<Vec<T>> = None;
        for pool in pools() {
            let mut y = vec![T::NAN; rows];
            spmv_sell(pool.as_ref(), tier, &sell, x, &mut y).unwrap();
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
    sell
}

fn generated(size: Size) -> crate::sparse::Generated {
    generate(&KernelSpec { kernel: Kernel::SpmvCsr, size, precision: Precision::F32 }, 1).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_rows(lengths in prop::collection::vec(prop_oneof![0usize..8, 0usize..90], 0..70), columns in 1usize..200) {
        let (mut pointer, mut list) = (vec![0], Vec::new());
        for (row, length) in lengths.iter().enumerate() {
            // Unsorted and repeated columns are allowed.
            list.extend((0..*length).map(|i| (hash(row as u64, i as u64) % columns as u64) as u32));
            pointer.push(list.len() as u32);
        }
        check::<f32>(&pointer, &list, columns);
        check::<f64>(&pointer, &list, columns);
    }
}

#[test]
fn laplacians_store_hardly_an_index() {
    for (size, per_entry) in [(Size::laplace5(40), 0.3), (Size::laplace7(20), 0.4)] {
        let g = generated(size);
        let sell = check::<f64>(&g.row_pointer, &g.columns, g.row_pointer.len() - 1);
        assert!(!sell.is_sorted() && sell.fill() > 0.9, "{sell:?}");
        let listed = sell.indices.len() as f64 / g.columns.len() as f64;
        assert!(listed < per_entry, "{size}: {listed} indices an entry where compressed rows have 1");
    }
}

#[test]
fn a_power_law_is_sorted_and_its_long_rows_stay_whole() {
    let g = generated(Size::Sparse { rows: 9000, nnz: 90_000, pattern: Pattern::PowerLaw });
    let sell = check::<f32>(&g.row_pointer, &g.columns, g.row_pointer.len() - 1);
    assert!(sell.is_sorted() && sell.fill() > 0.8, "{sell:?}");
    assert!(!sell.long.rows.is_empty());
}

#[test]
fn matrices_without_rows_or_entries() {
    check::<f32>(&[0], &[], 3);
    check::<f64>(&[0; 40], &[], 1);
}

#[test]
fn an_infinity_reaches_only_its_own_rows() {
    // Rows of one to five entries, so that chunks are padded, and a column that only some rows have.
    let (mut pointer, mut list) = (vec![0u32], Vec::new());
    for row in 0..100u32 {
        list.extend((0..1 + row % 5).map(|i| (row + 7 * i) % 100));
        pointer.push(list.len() as u32);
    }
    let entries = vec![1.0f32; list.len()];
    let matrix = Csr::new(100, 100, &pointer, &list, &entries).unwrap();
    let sell = Sell::inspect(&matrix).unwrap();
    for special in [f32::INFINITY, f32::NAN] {
        let mut x = vec![1.0; 100];
        x[35] = special;
        for &tier in tiers() {
            let (mut found, mut wanted) = ([0.0; 100], [0.0; 100]);
            spmv_sell(None, tier, &sell, &x, &mut found).unwrap();
            spmv_csr(None, tier, &matrix, &x, &mut wanted).unwrap();
            assert!(same(&found, &wanted), "{tier}");
        }
    }
}

#[test]
fn wrong_lengths_are_refused() {
    let sell = Sell::inspect(&Csr::new(2, 3, &[0, 1, 2], &[0, 2], &[1.0, 2.0]).unwrap()).unwrap();
    let found = spmv_sell(None, Tier::Scalar, &sell, &[1.0; 2], &mut [0.0; 2]);
    assert_eq!(found, Err(KernelError::Length { what: "x", expected: 3, found: 2 }));
    let found = spmv_sell(None, Tier::Scalar, &sell, &[1.0; 3], &mut [0.0; 1]);
    assert_eq!(found, Err(KernelError::Length { what: "y", expected: 2, found: 1 }));
}
