//! Memory modules from the machine's DMI tables (SMBIOS specification DSP0134, structure type 17).

/// A populated memory slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dimm {
    /// Size in GiB.
    pub gib: f64,
    /// JEDEC technology as SMBIOS numbers it (24 DDR3, 26 DDR4, 34 DDR5).
    pub technology: u8,
}

/// The populated slots in a DMI table (`/sys/firmware/dmi/tables/DMI`). Damaged structures end the list.
pub fn dimms(table: &[u8]) -> Vec<Dimm> {
    const MEMORY_DEVICE: u8 = 17;
    const END: u8 = 127;
    let mut found = Vec::new();
    let mut rest = table;
    while let [kind, length, ..] = *rest {
        let length = usize::from(length);
        if length < 4 || length > rest.len() || kind == END {
            break;
        }
        let (structure, after) = rest.split_at(length);
        if kind == MEMORY_DEVICE {
            found.extend(memory_device(structure));
        }
        // The strings of a structure end with two zero bytes.
        let Some(end) = after.windows(2).position(|pair| pair == [0, 0]) else { break };
        rest = &after[end + 2..];
    }
    found
}

fn memory_device(structure: &[u8]) -> Option<Dimm> {
    const ROM: u8 = 0x08;
    const EPROM: u8 = 0x0C;
    const LOGICAL_NON_VOLATILE: u8 = 0x1F;
    let word = |at: usize| Some(u16::from_le_bytes(structure.get(at..at + 2)?.try_into().ok()?));
    let gib = match word(0x0C)? {
        // Empty, or of unknown size.
        0 | 0x8000 | 0xFFFF => return None,
        // Too large for the field: megabytes in the extended size.
        0x7FFF => f64::from(u32::from_le_bytes(structure.get(0x1C..0x20)?.try_into().ok()?) & 0x7FFF_FFFF) / 1024.0,
        // The top bit says kilobytes instead of megabytes.
        size if size & 0x8000 != 0 => f64::from(size & 0x7FFF) / 1024.0 / 1024.0,
        size => f64::from(size) / 1024.0,
    };
    let technology = structure.get(0x12).copied()?;
    // Firmware flash and persistent memory are listed among the modules, and are no DRAM.
    if (ROM..=EPROM).contains(&technology) || technology == LOGICAL_NON_VOLATILE {
        return None;
    }
    Some(Dimm { gib, technology })
}
