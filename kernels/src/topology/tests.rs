use super::*;
use proptest::prelude::*;
use std::fs;

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("{text}\n")).unwrap();
}

fn cpu(root: &Path, id: usize, socket: &str, siblings: &str) -> String {
    let dir = format!("sys/devices/system/cpu/cpu{id}");
    write(root, &format!("{dir}/topology/physical_package_id"), socket);
    write(root, &format!("{dir}/topology/thread_siblings_list"), siblings);
    dir
}

fn cache(root: &Path, cpu: &str, index: usize, level: u32, kind: &str, size: &str, shared: &str) {
    let dir = format!("{cpu}/cache/index{index}");
    for (name, text) in [("level", &*level.to_string()), ("type", kind), ("size", size), ("shared_cpu_list", shared)] {
        write(root, &format!("{dir}/{name}"), text);
    }
}

/// Two sockets of two cores with two threads each, numbered as Linux does: 0-3 first threads, 4-7 second.
fn server(root: &Path) {
    write(root, "sys/devices/system/cpu/online", "0-7");
    write(root, "sys/devices/system/node/online", "0-1");
    write(root, "sys/devices/system/node/node0/cpulist", "0-1,4-5");
    write(root, "sys/devices/system/node/node1/cpulist", "2-3,6-7");
    for id in 0..8 {
        let core = id % 4;
        let socket = core / 2;
        let dir = cpu(root, id, &socket.to_string(), &format!("{core},{}", core + 4));
        cache(root, &dir, 0, 1, "Data", "48K", &format!("{core},{}", core + 4));
        cache(root, &dir, 1, 1, "Instruction", "32K", &format!("{core},{}", core + 4));
        cache(root, &dir, 2, 3, "Unified", "30M", if socket == 0 { "0-1,4-5" } else { "2-3,6-7" });
    }
}

#[test]
fn two_socket_smt_server() {
    let dir = tempfile::tempdir().unwrap();
    server(dir.path());
    let t = Topology::read(dir.path()).unwrap();
    assert_eq!((t.cpus.len(), t.online, t.sockets(), t.nodes(), t.has_smt()), (8, 8, Some(2), Some(2), true));
    let cores = t.cores();
    assert_eq!(cores.iter().map(|c| c.cpus.clone()).collect::<Vec<_>>(), [[0, 4], [1, 5], [2, 6], [3, 7]]);
    assert_eq!(
        cores.iter().map(|c| (c.socket, c.node)).collect::<Vec<_>>()[1..3],
        [(Some(0), Some(0)), (Some(1), Some(1))]
    );
    assert_eq!(t.placement(), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(t.cache_bytes(1), Some(48 << 10), "the instruction cache must not count");
    assert_eq!(t.last_level_bytes(&[0]), Some(30 << 20));
    assert_eq!(t.last_level_bytes(&[0, 1, 3]), Some(60 << 20), "one instance a socket");
    assert_eq!(t.cache_bytes(2), None);
}

#[test]
fn two_core_virtual_machine_that_tells_little() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "sys/devices/system/cpu/online", "0-1");
    cpu(dir.path(), 0, "-1", "0");
    cpu(dir.path(), 1, "-1", "1");
    let t = Topology::read(dir.path()).unwrap();
    assert_eq!((t.cores().len(), t.sockets(), t.nodes(), t.has_smt()), (2, None, None, false));
    assert_eq!(t.last_level_bytes(&[0, 1]), None);
}

#[test]
fn container_with_a_restricted_mask() {
    let dir = tempfile::tempdir().unwrap();
    server(dir.path());
    write(dir.path(), "proc/self/status", "Name:\tx\nCpus_allowed:\tc4\nCpus_allowed_list:\t2,6-7");
    let t = Topology::read(dir.path()).unwrap();
    assert_eq!(t.cpus.iter().map(|c| c.id).collect::<Vec<_>>(), [2, 6, 7]);
    assert_eq!((t.online, t.sockets(), t.cores().len()), (8, Some(1), 2));
    assert_eq!(t.placement(), [2, 7, 6]);
    assert_eq!(t.last_level_bytes(&t.placement()), Some(30 << 20));
}

#[test]
fn a_mask_without_online_cpus_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    server(dir.path());
    write(dir.path(), "proc/self/status", "Cpus_allowed_list:\t9");
    let error = Topology::read(dir.path()).unwrap_err();
    assert!(matches!(error, TopologyError::NothingUsable { .. }), "{error}");
}

#[test]
fn without_sysfs_every_cpu_is_a_core() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "proc/self/status", "Cpus_allowed_list:\t0-2");
    let t = Topology::read(dir.path()).unwrap();
    assert_eq!((t.cores().len(), t.caches.len()), (3, 0));
}

#[test]
fn garbage_is_refused_with_its_file() {
    let dir = tempfile::tempdir().unwrap();
    server(dir.path());
    write(dir.path(), "sys/devices/system/cpu/cpu3/cache/index0/size", "many");
    let error = Topology::read(dir.path()).unwrap_err().to_string();
    assert!(error.contains("cpu3/cache/index0/size") && error.contains("\"many\""), "{error}");
}

#[test]
fn this_machine_can_be_read() {
    let t = Topology::detect().unwrap();
    assert_eq!(t.placement().len(), t.cpus.len());
}

#[test]
#[cfg(feature = "hwlocality")]
fn hwloc_sees_what_sysfs_says() {
    let (ours, mut theirs) = (Topology::detect().unwrap(), Topology::from_hwloc().unwrap());
    // hwloc calls the whole memory a node where the kernel has none.
    if ours.nodes().is_none() {
        theirs.cpus.iter_mut().for_each(|cpu| cpu.node = None);
    }
    let by = |topology: &Topology| {
        let mut caches = topology.caches.clone();
        caches.sort_by_key(|c| (c.level, c.kind == CacheKind::Instruction, c.cpus.clone()));
        caches
    };
    assert_eq!(by(&theirs), by(&ours));
    assert_eq!((theirs.cpus, theirs.online), (ours.cpus, ours.online));
}

proptest! {
    #[test]
    fn lists_never_panic(text in "[-0-9, a]{0,20}") {
        let _ = sysfs::parse_list(&text);
    }

    #[test]
    fn lists_round_trip(set in prop::collection::btree_set(0usize..500, 0..20)) {
        let text = set.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        prop_assert_eq!(sysfs::parse_list(&text).unwrap(), set.into_iter().collect::<Vec<_>>());
    }
}
