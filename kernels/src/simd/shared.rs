//! Methods that are the same in several tiers.

/// Prefetches and the square, in every tier.
macro_rules! every {
    ($elem:ty, $square:literal, $transpose:ident) => {
        #[inline(always)]
        unsafe fn prefetch(p: *const $elem) {
            // SAFETY: the tier is there by the trait's contract; a prefetch never faults.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) }
        }
        #[inline(always)]
        unsafe fn prefetch_far(p: *const $elem) {
            // SAFETY: the tier is there by the trait's contract; a prefetch never faults.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(p.cast()) }
        }
        const SQUARE: usize = $square;
        #[inline(always)]
        unsafe fn transpose(from: *const $elem, ldf: usize, to: *mut $elem, ldt: usize) {
            // SAFETY: the tier is there by the trait's contract; both squares are the caller's to guarantee.
            unsafe { $crate::simd::transpose::$transpose(from, ldf, to, ldt) }
        }
    };
}

/// Fused arithmetic of one element, in the tiers that have FMA.
macro_rules! fused {
    ($elem:ty, $indexed:literal) => {
        #[inline(always)]
        unsafe fn mul_add_one(a: $elem, b: $elem, c: $elem) -> $elem {
            a.mul_add(b, c)
        }
        #[inline(always)]
        unsafe fn mul_add_indexed(value: $elem, x: *const $elem, column: u32, mut sum: $elem) -> $elem {
            // SAFETY: the tier is there by the trait's contract, and with it FMA; the instruction reads the one element
            // that the caller has at `column`.
            unsafe {
                std::arch::asm!(
                    $indexed,
                    sum = inout(xmm_reg) sum,
                    value = in(xmm_reg) value,
                    x = in(reg) x,
                    column = in(reg) column as usize,
                    options(pure, readonly, nostack, preserves_flags)
                );
            }
            sum
        }
    };
}
pub(super) use {every, fused};
