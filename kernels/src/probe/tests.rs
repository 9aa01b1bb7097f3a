use super::*;
use crate::tier::Tier;

fn each_level(mut test: impl FnMut(Level)) {
    for tier in Tier::ALL {
        match tier.level() {
            Ok(level) => test(level),
            Err(error) => println!("skipped: {error}"),
        }
    }
}

#[test]
fn reading_sums_every_value_once() {
    each_level(|level| {
        for n in [0, 1, 7, 63, 64, 1000, 1003] {
            let values: Vec<f64> = (0..n).map(|i| i as f64).collect();
            assert_eq!(read(level, &values), (n * n.max(1)) as f64 / 2.0 - n as f64 / 2.0, "{level:?} {n}");
        }
    });
}

#[test]
fn copies_are_whole_whatever_the_alignment() {
    each_level(|level| {
        for n in [0, 1, 5, 64, 300] {
            for offset in 0..5 {
                for stream in [false, true] {
                    let from: Vec<f32> = (0..n).map(|i| i as f32 + 1.0).collect();
                    let mut to = vec![0.0; n + offset + 1];
                    copy(level, &mut to[offset..offset + n], &from, stream);
                    assert_eq!(to[offset..offset + n], from);
                    assert!(to[..offset].iter().chain(&to[offset + n..]).all(|x| *x == 0.0));
                }
            }
        }
    });
}

#[test]
fn multiply_adds_reach_their_fixed_point() {
    // x / 2 + 3/4 tends to 3/2 in each chain: 12 chains, or 8 in the scalar rung, times the lanes.
    each_level(|level| {
        let total = fma::<f64>(level, 1_000_000) / 1.5;
        assert!((total - total.round()).abs() < 1e-9 && total >= 8.0, "{level:?}: {total}");
        let once = fma::<f64>(level, 1);
        assert!(once > 0.0 && once != 1.5 * total, "{level:?}: one round is not converged");
    });
}

#[test]
fn the_chase_visits_every_line_once() {
    for lines in [1usize, 2, 100] {
        let chain = chase::cycle(lines, 3);
        let mut seen = vec![false; lines];
        let mut at = 0;
        for _ in 0..lines {
            at = chase::follow(&chain, at, 1);
            assert!(!std::mem::replace(&mut seen[at as usize / chase::STRIDE], true));
        }
        assert_eq!(at, 0);
    }
}
