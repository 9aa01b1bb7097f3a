//! Which settings are worth a look: the time-energy front and the least energy-delay products.

/// Indices of the points (time, energy) that no other point beats in both, by ascending time. Of equal points the first
/// stands for all.
pub fn pareto_front(points: &[(f64, f64)]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|&a, &b| points[a].0.total_cmp(&points[b].0).then(points[a].1.total_cmp(&points[b].1)));
    let mut least = f64::INFINITY;
    order.retain(|&index| {
        let better = points[index].1 < least;
        if better {
            least = points[index].1;
        }
        better
    });
    order
}

/// Index of the least energy x time^`exponent` (1 for EDP, 2 for ED2P); `None` of nothing.
pub fn least_product(points: &[(f64, f64)], exponent: f64) -> Option<usize> {
    let product = |(time, energy): (f64, f64)| energy * time.powf(exponent);
    (0..points.len()).min_by(|&a, &b| product(points[a]).total_cmp(&product(points[b])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_front_by_hand() {
        let points = [(2.0, 5.0), (1.0, 9.0), (3.0, 6.0), (4.0, 4.0), (2.0, 5.0)];
        assert_eq!(pareto_front(&points), [1, 0, 3]);
        assert_eq!(least_product(&points, 1.0), Some(1));
        assert_eq!(least_product(&points, 0.0), Some(3));
        assert_eq!(least_product(&[], 1.0), None);
    }

    proptest! {
        #[test]
        fn exactly_the_dominated_points_are_left_out(points in prop::collection::vec((1u8..20, 1u8..20), 1..20)) {
            let points: Vec<(f64, f64)> = points.into_iter().map(|(t, e)| (f64::from(t), f64::from(e))).collect();
            let front = pareto_front(&points);
            let dominates = |a: (f64, f64), b: (f64, f64)| a.0 <= b.0 && a.1 <= b.1 && a != b;
            for index in 0..points.len() {
                let dominated = points.iter().any(|p| dominates(*p, points[index]));
                let stands = front.iter().any(|&i| points[i] == points[index]);
                prop_assert_eq!(stands, !dominated);
            }
            // The least EDP always lies on the front.
            let best = least_product(&points, 1.0).unwrap();
            prop_assert!(front.iter().any(|&i| points[i] == points[best]));
        }
    }
}
