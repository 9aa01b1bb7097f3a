//! Which cards a CUDA program sees: CUDA_VISIBLE_DEVICES restricts kernels, and so the sensors and knobs that belong to
//! them. NVML itself takes no notice of it.
//!
//! Source: NVIDIA, *CUDA C++ Programming Guide*, "CUDA Environment Variables".

use nvml_wrapper::Nvml;
use std::env;

/// A card as NVML lists it, in the order of PCI addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// `GPU-…`; `None` for a card that does not answer.
    pub(super) uuid: Option<String>,
    /// Model.
    pub(super) name: Option<String>,
}

/// For each card of NVML's list, whether a CUDA program that is started here sees it.
///
/// # Errors
/// The variable can't be resolved without CUDA; in words, with what to do.
pub(crate) fn visible_cards(nvml: &Nvml, count: u32) -> Result<Vec<bool>, String> {
    let Some(devices) = env::var_os("CUDA_VISIBLE_DEVICES") else { return Ok(vec![true; count as usize]) };
    let cards: Vec<Listed> = (0..count)
        .map(|index| {
            let device = nvml.device_by_index(index).ok();
            let of = |f: &dyn Fn(&nvml_wrapper::Device<'_>) -> Option<String>| device.as_ref().and_then(f);
            Listed { uuid: of(&|d| d.uuid().ok()), name: of(&|d| d.name().ok()) }
        })
        .collect();
    let by_pci = env::var_os("CUDA_DEVICE_ORDER").is_some_and(|order| order == "PCI_BUS_ID");
    resolve(&cards, &devices.to_string_lossy(), by_pci)
}

fn resolve(cards: &[Listed], devices: &str, by_pci: bool) -> Result<Vec<bool>, String> {
    let mut visible = vec![false; cards.len()];
    for entry in devices.split(',').map(str::trim) {
        let found = match entry.parse::<usize>() {
            Ok(index) => {
                // Equal cards are numbered by PCI address in either order.
                if !by_pci && cards.iter().any(|card| card.name != cards[0].name) {
                    return Err(format!(
                        "CUDA_VISIBLE_DEVICES={devices} counts unlike cards from fastest to slowest, which NVML can't \
                         follow: set CUDA_DEVICE_ORDER=PCI_BUS_ID, or give UUIDs as `nvidia-smi -L` prints them"
                    ));
                }
                (index < cards.len()).then_some(index)
            }
            Err(_) => by_uuid(cards, entry, devices)?,
        };
        // CUDA stops at the first entry that names no card, or one for the second time.
        match found.and_then(|index| visible.get_mut(index)) {
            Some(seen) if !*seen => *seen = true,
            _ => break,
        }
    }
    Ok(visible)
}

/// The card whose UUID begins as given, when only one does. `MIG-GPU-<uuid>/…` names a part of that card.
fn by_uuid(cards: &[Listed], entry: &str, devices: &str) -> Result<Option<usize>, String> {
    let (start, part) = match entry.strip_prefix("MIG-") {
        Some(of) => (of.split('/').next().unwrap_or(of), true),
        None => (entry, false),
    };
    if !start.starts_with("GPU-") {
        return if part {
            Err(format!(
                "CUDA_VISIBLE_DEVICES={devices} names a MIG slice, and energy is known of whole cards only: give the \
                 card's own UUID as `nvidia-smi -L` prints it"
            ))
        } else {
            Ok(None)
        };
    }
    let mut matching = (0..cards.len()).filter(|&i| cards[i].uuid.as_ref().is_some_and(|u| u.starts_with(start)));
    Ok(matching.next().filter(|_| matching.next().is_none()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cards(names: [&str; 3]) -> Vec<Listed> {
        let uuids = ["GPU-aa10", "GPU-aa20", "GPU-bb30"];
        let listed = |(uuid, name): (&str, &str)| Listed { uuid: Some(uuid.into()), name: Some(name.into()) };
        uuids.into_iter().zip(names).map(listed).collect()
    }

    #[test]
    fn the_variable_is_read_as_cuda_reads_it() {
        let same = cards(["A", "A", "A"]);
        for (devices, expected) in [
            ("0", [true, false, false]),
            ("2,0", [true, false, true]),
            ("", [false; 3]),
            ("-1", [false; 3]),
            ("NoDevFiles", [false; 3]),
            // Everything after an entry that names no card is ignored.
            ("1,7,2", [false, true, false]),
            ("0,-1,1", [true, false, false]),
            ("GPU-bb", [false, false, true]),
            ("GPU-aa20,GPU-bb30", [false, true, true]),
            // Two cards begin like this: it names neither.
            ("GPU-aa", [false; 3]),
            ("MIG-GPU-aa10/1/0", [true, false, false]),
        ] {
            assert_eq!(resolve(&same, devices, false).unwrap(), expected, "{devices}");
        }
    }

    #[test]
    fn numbers_of_unlike_cards_need_the_order_of_pci() {
        let mixed = cards(["A", "B", "A"]);
        let error = resolve(&mixed, "1", false).unwrap_err();
        assert!(error.contains("CUDA_DEVICE_ORDER=PCI_BUS_ID"), "{error}");
        assert_eq!(resolve(&mixed, "1", true).unwrap(), [false, true, false]);
        assert_eq!(resolve(&mixed, "GPU-bb", false).unwrap(), [false, false, true]);
        assert!(resolve(&mixed, "MIG-0a1b", true).unwrap_err().contains("whole cards only"));
    }
}
