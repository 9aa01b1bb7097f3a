//! The two element types.

use crate::simd::{Isa, PhiloxLanes, Vector};
use ergometer_kernels_scalar as scalar;

/// f32 or f64.
pub trait Element: Sealed + Copy + Send + Sync + PartialEq + PartialOrd + std::fmt::Debug + 'static {}
impl Element for f32 {}
impl Element for f64 {}

/// What the kernels need of an element; public in a private module, so that nobody else can implement [`Element`].
pub trait Sealed: bytemuck::Pod + std::ops::Add<Output = Self> {
    /// The vector of a tier.
    type Vec<I: Isa>: Vector<Elem = Self>;
    const ZERO: Self;
    const ONE: Self;
    const NAN: Self;
    /// Unit roundoff: half the distance from 1 to the next number.
    const ROUNDOFF: f64;
    fn from_f64(x: f64) -> Self;
    fn to_f64(self) -> f64;
    unsafe fn inside<P: PhiloxLanes>(words: [P; 4]) -> u32;
    /// The scalar rungs of this type.
    const RUNGS: scalar::Rungs<Self>;
}

macro_rules! element {
    ($t:ident, $assoc:ident, $inside:ident) => {
        impl Sealed for $t {
            type Vec<I: Isa> = I::$assoc;
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NAN: Self = $t::NAN;
            const ROUNDOFF: f64 = $t::EPSILON as f64 / 2.0;
            const RUNGS: scalar::Rungs<Self> = scalar::$t::RUNGS;
            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self.into()
            }
            #[inline(always)]
            unsafe fn inside<P: PhiloxLanes>(words: [P; 4]) -> u32 {
                // SAFETY: the tier's features are the caller's to guarantee, as for every method of `PhiloxLanes`.
                unsafe { P::$inside(words) }
            }
        }
    };
}
element!(f32, F32, inside_f32);
element!(f64, F64, inside_f64);
