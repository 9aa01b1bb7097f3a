//! The same topology from hwloc 2, for systems whose sysfs tells less than hwloc knows. Feature `hwlocality`.

use super::{Cache, CacheKind, Cpu, Topology, TopologyError};
use hwlocality::cpu::binding::CpuBindingFlags;
use hwlocality::object::TopologyObject;
use hwlocality::object::attributes::ObjectAttributes;
use hwlocality::object::types::{CacheType, ObjectType};
use hwlocality::topology::builder::{BuildFlags, TypeFilter};

const CACHES: [ObjectType; 8] = [
    ObjectType::L1Cache,
    ObjectType::L1ICache,
    ObjectType::L2Cache,
    ObjectType::L2ICache,
    ObjectType::L3Cache,
    ObjectType::L3ICache,
    ObjectType::L4Cache,
    ObjectType::L5Cache,
];

fn failed(what: &str, error: impl std::fmt::Display) -> TopologyError {
    TopologyError::Hwloc { what: what.to_owned(), reason: error.to_string() }
}

/// This machine as hwloc sees it, without the CPUs that the calling thread may not use.
pub(super) fn read() -> Result<Topology, TopologyError> {
    let error = |error| failed("the machine", error);
    // Disallowed CPUs are online all the same; the thread's mask decides what is usable.
    let hwloc = hwlocality::Topology::builder()
        .with_flags(BuildFlags::INCLUDE_DISALLOWED)
        .map_err(|error| failed("the flags", error))?
        .with_cpu_icache_type_filter(TypeFilter::KeepAll)
        .map_err(|error| failed("the filter", error))?
        .build()
        .map_err(error)?;
    let mask = hwloc.cpu_binding(CpuBindingFlags::THREAD).map_err(|error| failed("the thread's binding", error))?;
    let mut cpus = Vec::new();
    let mut online = 0;
    for unit in hwloc.objects_with_type(ObjectType::PU) {
        let Some(id) = unit.os_index() else { continue };
        online += 1;
        if !mask.is_set(id) {
            continue;
        }
        let above = |kind| unit.first_ancestor_with_type(kind);
        let siblings = above(ObjectType::Core).map(numbers).filter(|all| all.contains(&id));
        let node = unit.nodeset().and_then(|nodes| nodes.iter_set().next()).map(usize::from);
        let socket = above(ObjectType::Package).and_then(TopologyObject::os_index);
        cpus.push(Cpu { id, socket, node, siblings: siblings.unwrap_or_else(|| vec![id]) });
    }
    if cpus.is_empty() {
        return Err(TopologyError::NothingUsable { mask: mask.to_string(), online: format!("{online} CPUs") });
    }
    cpus.sort_by_key(|cpu| cpu.id);
    let mut caches: Vec<Cache> =
        CACHES.into_iter().flat_map(|kind| hwloc.objects_with_type(kind)).filter_map(cache).collect();
    caches.retain(|cache| cpus.iter().any(|cpu| cache.cpus.contains(&cpu.id)));
    caches.sort_by_key(|cache| cache.level);
    Ok(Topology { cpus, caches, online })
}

/// The kernel's numbers of the CPUs below an object, ascending.
fn numbers(object: &TopologyObject) -> Vec<usize> {
    object.cpuset().map_or_else(Vec::new, |set| set.iter_set().map(usize::from).collect())
}

/// `None` where the size is not known, as from sysfs.
fn cache(object: &TopologyObject) -> Option<Cache> {
    let Some(ObjectAttributes::Cache(of)) = object.attributes() else { return None };
    let kind = match of.cache_type() {
        CacheType::Data => CacheKind::Data,
        CacheType::Instruction => CacheKind::Instruction,
        _ => CacheKind::Unified,
    };
    Some(Cache {
        level: u32::try_from(of.depth()).ok()?,
        kind,
        bytes: of.size()?.get(),
        line_bytes: of.line_size().map(|bytes| bytes.get() as u64),
        cpus: numbers(object),
    })
}
