//! Windows begin and end when the slowest sensor has just updated, be it a counter or a power.

use ergometer_harness::vnode::{Pace, Vnode, preset};
use ergometer_harness::window::{Options, Rig, StopRule, characterise};
use ergometer_record::{Kernel, KernelSpec, Precision, Row, Seconds};

/// Rows of a kernel on a virtual card that has only this one of its sensors.
fn rows(sensor: &str, options: &Options, seed: u64) -> Vec<Row> {
    let folder = tempfile::tempdir().unwrap();
    let physics = preset("a100").unwrap();
    let node = Vnode::open(&physics, &folder.path().join("state.json"), seed, Pace::Virtual).unwrap();
    let mut rig = Rig::vnode(&node).unwrap();
    rig.sensors = node.sensors();
    rig.sensors.retain(|s| s.info().id == sensor);
    let size = KernelSpec::size_for(Kernel::Triad, Precision::F32, 1 << 26);
    let spec = KernelSpec::new(Kernel::Triad, size, Precision::F32).unwrap();
    characterise(&mut rig, &[spec], options, StopRule::Fixed(5), &mut |_, _| true).unwrap().rows
}

#[test]
fn windows_are_whole_numbers_of_updates() {
    // Half a period more than twenty: a window that took no notice of ticks would end there.
    let options = Options { least_time: Seconds(0.1), periods: 20.5, ..Options::default() };
    for sensor in ["vnode:energy", "vnode:power"] {
        for row in rows(sensor, &options, 7) {
            let periods = row.time.0 * row.iterations as f64 / 0.1;
            // A batch is an eighth of a period.
            let off = (periods - periods.round()).abs();
            assert!(periods > 20.5 && off < 0.13, "{sensor}: {periods} periods");
        }
    }
}
