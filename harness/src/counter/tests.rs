use super::*;
use std::fs;
use std::path::Path;

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn worker(root: &Path, index: usize, cycles: &str, instructions: &str) {
    write(root, &format!("perf/cycles-worker{index}"), cycles);
    write(root, &format!("perf/instructions-worker{index}"), instructions);
}

/// Two channels, as an Ice Lake server shows them, beside free-running counters of the same bytes.
fn channels(root: &Path, counts: [u64; 4]) {
    for (channel, of) in counts.chunks(2).enumerate() {
        let pmu = format!("uncore_imc_{channel}");
        let folder = format!("sys/bus/event_source/devices/{pmu}");
        write(root, &format!("{folder}/type"), "14\n");
        write(root, &format!("{folder}/cpumask"), "0\n");
        write(root, &format!("{folder}/format/event"), "config:0-7\n");
        write(root, &format!("{folder}/format/umask"), "config:8-15\n");
        for (event, umask, count) in [("cas_count_read", 3, of[0]), ("cas_count_write", 12, of[1])] {
            write(root, &format!("{folder}/events/{event}"), &format!("event=0x04,umask=0x{umask:02x}\n"));
            write(root, &format!("{folder}/events/{event}.scale"), "6.103515625e-5\n");
            write(root, &format!("{folder}/events/{event}.unit"), "MiB\n");
            write(root, &format!("perf/{pmu}-{event}-cpu0"), &format!("{count}\n"));
        }
    }
    let free = "sys/bus/event_source/devices/uncore_imc_free_running_0";
    for event in ["read", "write"] {
        write(root, &format!("{free}/events/{event}"), "event=0xff,umask=0x20\n");
    }
}

#[test]
fn workers_and_channels_are_added_up() {
    let dir = tempfile::tempdir().unwrap();
    let roots = Roots::fixture(dir.path());
    let pool = Pool::unpinned(2).unwrap();
    // The second worker had a counter for half of its second only.
    worker(dir.path(), 0, "3000000000 1000000000 1000000000", "6000000000 1000000000 1000000000");
    worker(dir.path(), 1, "1000000000 1000000000 500000000", "1000000000 1000000000 1000000000");
    channels(dir.path(), [1000, 500, 1000, 500]);
    let mut opened = open(&pool, &roots);
    assert_eq!(opened.absent.len(), 1, "{:?}", opened.absent);
    assert_eq!(opened.absent[0].what, "llc-misses");
    let read = opened.reader.as_mut().unwrap();
    let before = read().unwrap();
    assert_eq!(before.counts, Counts::from_values([Some(5e9), Some(7e9), None, Some(3000.0 * 64.0)]));
    assert_eq!(before.clock(), Some(Hertz(2.5e9)));
    assert_eq!(before.counts.ipc(), Some(1.4));

    worker(dir.path(), 0, "5000000000 2000000000 2000000000", "6000000000 2000000000 2000000000");
    channels(dir.path(), [2000, 500, 1000, 500]);
    let more = read().unwrap().since(&before);
    assert_eq!(more.counts, Counts::from_values([Some(2e9), Some(0.0), None, Some(64_000.0)]));
    assert_eq!(more.clock(), Some(Hertz(2e9)));
    // A file that vanished leaves nothing, not a part.
    fs::remove_file(dir.path().join("perf/uncore_imc_1-cas_count_read-cpu0")).unwrap();
    assert_eq!(read(), None);
}

#[test]
fn a_machine_without_counters_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open(&Pool::unpinned(1).unwrap(), &Roots::fixture(dir.path()));
    assert!(opened.reader.is_none());
    let of: Vec<&str> = opened.absent.iter().map(|absent| absent.what.as_str()).collect();
    assert_eq!(of, ["cycles", "instructions", "llc-misses", "bytes of memory"]);
}

#[test]
fn a_channel_that_is_refused_leaves_no_sum() {
    let dir = tempfile::tempdir().unwrap();
    let roots = Roots::fixture(dir.path());
    channels(dir.path(), [1; 4]);
    assert_eq!(memory_controllers(&roots), Ok(2));
    let masked = dir.path().join("perf/uncore_imc_1-cas_count_write-cpu0");
    fs::remove_file(&masked).unwrap();
    fs::create_dir(&masked).unwrap();
    write(dir.path(), "proc/sys/kernel/perf_event_paranoid", "2\n");
    let reason = memory_controllers(&roots).unwrap_err();
    assert!(
        reason.what.contains("uncore_imc_1/cas_count_write") && reason.reason.contains("paranoid is 2"),
        "{reason}"
    );
    assert!(reason.to_string().ends_with("to allow it: sudo sysctl kernel.perf_event_paranoid=0"), "{reason}");
}

#[test]
fn events_that_are_not_understood_are_refused() {
    for (file, text, expected) in [
        ("cas_count_read.unit", "Joules", "unit \"Joules\""),
        ("cas_count_read.scale", "-1", "scale"),
        ("cas_count_read", "event=0x04,filter=0x1", "not understood"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        channels(dir.path(), [1; 4]);
        write(dir.path(), &format!("sys/bus/event_source/devices/uncore_imc_0/events/{file}"), text);
        let reason = memory_controllers(&Roots::fixture(dir.path())).unwrap_err();
        assert!(reason.reason.contains(expected), "{reason}");
    }
    // AMD's data fabric, which names no events in sysfs.
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "sys/bus/event_source/devices/amd_df/type", "13");
    let reason = memory_controllers(&Roots::fixture(dir.path())).unwrap_err();
    assert!(reason.reason.contains("amd_df names no events"), "{reason}");
}

#[test]
fn a_total_that_went_down_is_unknown() {
    let of =
        |cycles| Totals { counts: Counts { cycles: Some(cycles), ..Counts::default() }, on_cpu: Some(Seconds(1.0)) };
    let more = of(3.0).since(&of(5.0));
    assert_eq!((more.counts.cycles, more.clock()), (None, None));
    assert_eq!(of(5.0).since(&of(3.0)).clock(), None, "no time has passed");
}

#[test]
fn this_machine_counts_or_says_why_not() {
    let opened = open(&Pool::unpinned(2).unwrap(), &Roots::system());
    match opened.reader {
        Some(mut read) => assert!(read().is_some_and(|totals| !totals.counts.is_empty())),
        None => {
            assert!(opened.absent.len() >= 2, "{:?}", opened.absent);
            opened.absent.iter().for_each(|absent| println!("skipped: {absent}"));
        }
    }
}
