//! From a power cap to a clock: the largest clock whose power stays below the cap.
//!
//! Power rises with the clock: dynamic energy per execution grows with V^2 while its time shrinks. So the inverse is
//! unique, and a bracketing search finds it.

/// The largest clock ratio in `low..=high` whose power is at most `cap_w`: `high` where the cap does not bind, `low`
/// where even that draws more (the hardware can't go lower).
pub(crate) fn invert(low: f64, high: f64, cap_w: f64, power_w: impl Fn(f64) -> f64) -> f64 {
    let excess = |ratio: f64| power_w(ratio) - cap_w;
    let mut right = (high, excess(high));
    if right.1 <= 0.0 {
        return high;
    }
    let mut left = (low, excess(low));
    if left.1 >= 0.0 {
        return low;
    }
    // Regula falsi with the Illinois rule: superlinear, and the root never leaves the bracket.
    let mut last = 0i8;
    for _ in 0..60 {
        let ratio = (left.0 * right.1 - right.0 * left.1) / (right.1 - left.1);
        let value = excess(ratio);
        if value.abs() <= 1e-10 * cap_w || right.0 - left.0 <= 1e-13 * high {
            return ratio;
        }
        if value > 0.0 {
            right = (ratio, value);
            if last == 1 {
                left.1 *= 0.5;
            }
            last = 1;
        } else {
            left = (ratio, value);
            if last == -1 {
                right.1 *= 0.5;
            }
            last = -1;
        }
    }
    left.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cap_to_clock_to_power_is_a_round_trip(a in 1.0..100f64, b in 1.0..400f64, share in 0.01..0.99f64) {
            let power = |x: f64| a + b * x.powi(3);
            let cap = a + share * b;
            let ratio = invert(0.0, 1.0, cap, power);
            prop_assert!((power(ratio) - cap).abs() < 1e-6 * cap);
        }
    }

    #[test]
    fn a_cap_above_the_demand_and_one_below_the_floor_give_the_ends() {
        let power = |x: f64| 50.0 + 100.0 * x;
        assert_eq!(invert(0.2, 1.0, 500.0, power), 1.0);
        assert_eq!(invert(0.2, 1.0, 60.0, power), 0.2);
    }
}
