use super::*;

const DEVICE: DeviceResponse = DeviceResponse {
    static_w: 60.0,
    wait_w: 70.0,
    voltage_floor: 0.7,
    voltage_knee: 0.65,
    lowest_clock: 0.15,
    exponent: 4.0,
    active_share: 0.3,
};

const WORK: WorkloadResponse = WorkloadResponse { compute_s: 0.9, memory_s: 0.4, wait_s: 0.05, dynamic_w: 260.0 };

#[test]
fn a_cap_that_does_not_bind_changes_nothing_and_a_tight_one_ends_at_the_lowest_clock() {
    let free = DEVICE.predict(&WORK, Bound { clock: 1.0, cap_w: None });
    assert_eq!(DEVICE.predict(&WORK, Bound { clock: 1.0, cap_w: Some(1000.0) }), free);
    let lowest = DEVICE.predict(&WORK, Bound { clock: 0.15, cap_w: None });
    assert_eq!(DEVICE.predict(&WORK, Bound { clock: 1.0, cap_w: Some(10.0) }), lowest);
    let (time, power) = DEVICE.predict(&WORK, Bound { clock: 1.0, cap_w: Some(150.0) });
    assert!(time > free.0 && time < lowest.0);
    // The working part draws the cap, the waiting part 70 W.
    assert!((power * time - (150.0 * (time - 0.05) + 70.0 * 0.05)).abs() < 1e-6);
}

#[test]
fn a_known_response_is_found_again_between_its_points() {
    let works: Vec<WorkloadResponse> = (0..6)
        .map(|i| {
            let s = f64::from(i);
            WorkloadResponse {
                compute_s: 1.0 + s,
                memory_s: 0.1 * s * s + 0.1,
                wait_s: 0.05,
                dynamic_w: 320.0 - 35.0 * s,
            }
        })
        .collect();
    let at = |work: &WorkloadResponse, cap: f64| {
        let bound = Bound { clock: 1.0, cap_w: Some(cap) };
        let (time_s, power_w) = DEVICE.predict(work, bound);
        Observation { bound, time_s, power_w }
    };
    let series: Vec<Series> = works
        .iter()
        .enumerate()
        .map(|(i, work)| Series {
            name: format!("{i}"),
            points: [100.0, 150.0, 200.0, 250.0, 300.0].map(|cap| at(work, cap)).to_vec(),
        })
        .collect();
    let found = fit(&series, 300.0).unwrap();
    for (work, truth) in found.workloads.iter().zip(&works) {
        for cap in [125.0, 175.0, 225.0] {
            let bound = Bound { clock: 1.0, cap_w: Some(cap) };
            let ((t, p), (tt, pp)) = (found.device.predict(work, bound), DEVICE.predict(truth, bound));
            assert!((t / tt - 1.0).abs() < 0.03 && (p / pp - 1.0).abs() < 0.02, "{cap}: {t} {tt} {p} {pp}");
        }
    }
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    assert!(matches!(fit(&[], 300.0), Err(ResponseError::Empty { .. })));
    let point = Observation { bound: Bound { clock: 1.0, cap_w: Some(200.0) }, time_s: f64::NAN, power_w: 100.0 };
    let error = fit(&[Series { name: "x".into(), points: vec![point] }], 300.0).unwrap_err();
    assert!(error.to_string().contains("x has a point with time_s = NaN"), "{error}");
}
