//! Headings of components, as the thesis' tables write them.

use ergometer_record::measurement::Domain;
use ergometer_record::{Component, Provenance};
use std::collections::BTreeSet;

/// `CPU`, `RAM`, `GPU`, `Host`; with the number where a table has several of one kind.
pub(super) fn heading(component: Component, among: &BTreeSet<Component>) -> String {
    let name = domain_heading(component.domain);
    let several = among.iter().filter(|other| other.domain == component.domain).count() > 1;
    if several { format!("{name} {}", component.index) } else { name.to_owned() }
}

/// What a domain is called in a heading.
pub(super) fn domain_heading(domain: Domain) -> &'static str {
    match domain {
        Domain::Package => "CPU",
        Domain::Core => "cores",
        Domain::Uncore => "uncore",
        Domain::Dram => "RAM",
        Domain::Psys => "platform",
        Domain::Gpu => "GPU",
        Domain::Host => "Host",
        Domain::Meter => "meter",
        Domain::None => "none",
    }
}

/// `VIRTUAL`, `MODELLED`, both, or nothing: stands in every title.
pub(super) fn label(provenances: &BTreeSet<Provenance>) -> Option<&'static str> {
    let has = |provenance| provenances.contains(&provenance);
    match (has(Provenance::Virtual), has(Provenance::Modelled)) {
        (true, true) => Some("VIRTUAL, partly MODELLED"),
        (true, false) => Some("VIRTUAL"),
        (false, true) => Some("partly MODELLED"),
        (false, false) => None,
    }
}
