//! Registers and memory of the kernel functions in a CUBIN, read from the ELF image itself.
//!
//! No tool is needed: the register count of a function is the highest byte of `sh_info` of its `.text.<name>` section,
//! its static shared memory is the size of `.nv.shared.<name>`, and its stack frame is the `EIATTR_FRAME_SIZE` (0x11)
//! entry for its symbol in `.nv.info`. The layout is what `cuobjdump -elf` prints; binutils and the `cuda-gdb` sources
//! describe it. A frame holds spilled registers and arrays that are indexed at run time; both live in slow local
//! memory, so a hot kernel's budget is zero.

use crate::error::CudaError;
use serde::{Deserialize, Serialize};

/// What one thread or block of a kernel function takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// The function's name.
    pub function: String,
    /// Registers per thread.
    pub registers: u32,
    /// Static shared memory per block, in bytes, without what the system reserves.
    pub shared_bytes: u64,
    /// Local memory per thread, in bytes: spills and stack.
    pub local_bytes: u32,
}

struct Section<'a> {
    name: &'a str,
    kind: u32,
    link: u32,
    info: u32,
    size: u64,
    data: &'a [u8],
}

const SHT_SYMTAB: u32 = 2;
const SHT_NOBITS: u32 = 8;
const EIATTR_FRAME_SIZE: u8 = 0x11;
/// Format of an attribute whose 16-bit field is the length of the payload that follows.
const EIFMT_SVAL: u8 = 4;

/// The kernel functions of a CUBIN, by name.
///
/// # Errors
/// The bytes are not an ELF image with such sections.
pub fn read(cubin: &[u8]) -> Result<Vec<Resources>, CudaError> {
    let all = sections(cubin).ok_or_else(|| bad("it is not a whole 64-bit little-endian ELF image"))?;
    let frames = frames(&all).ok_or_else(|| bad("its .nv.info section is cut short"))?;
    let mut found: Vec<_> = all
        .iter()
        .filter_map(|section| {
            let function = section.name.strip_prefix(".text.")?;
            let shared = format!(".nv.shared.{function}");
            Some(Resources {
                function: function.to_owned(),
                registers: section.info >> 24,
                shared_bytes: all.iter().find(|s| s.name == shared).map_or(0, |s| s.size),
                local_bytes: frames.iter().find(|(name, _)| name == function).map_or(0, |&(_, bytes)| bytes),
            })
        })
        .collect();
    if found.is_empty() {
        return Err(bad("it holds no kernel function"));
    }
    found.sort_by(|a, b| a.function.cmp(&b.function));
    Ok(found)
}

fn bad(reason: &str) -> CudaError {
    CudaError::Cubin { reason: reason.to_owned() }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

fn text_at(table: &[u8], at: u32) -> Option<&str> {
    let rest = table.get(usize::try_from(at).ok()?..)?;
    std::str::from_utf8(rest.split(|&byte| byte == 0).next()?).ok()
}

/// Sections by the ELF-64 specification: header fields at 40 (e_shoff), 58 (e_shentsize), 60 (e_shnum), 62 (e_shstrndx).
fn sections(elf: &[u8]) -> Option<Vec<Section<'_>>> {
    if elf.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let table = usize::try_from(u64_at(elf, 40)?).ok()?;
    let (entry, count, names) = (u16_at(elf, 58)?, u16_at(elf, 60)?, u16_at(elf, 62)?);
    let header = |index: u16| table.checked_add(usize::from(index) * usize::from(entry));
    let data = |at: usize| -> Option<&[u8]> {
        if u32_at(elf, at + 4)? == SHT_NOBITS {
            return Some(&[]);
        }
        let start = usize::try_from(u64_at(elf, at + 24)?).ok()?;
        elf.get(start..start.checked_add(usize::try_from(u64_at(elf, at + 32)?).ok()?)?)
    };
    // Bounds the additions below: a header that lies inside the file can't overflow.
    let inside = |at: usize| at.checked_add(64).is_some_and(|end| end <= elf.len());
    let names_at = header(names).filter(|&at| inside(at))?;
    let strings = data(names_at)?;
    (0..count)
        .map(|index| {
            let at = header(index).filter(|&at| inside(at))?;
            Some(Section {
                name: text_at(strings, u32_at(elf, at)?)?,
                kind: u32_at(elf, at + 4)?,
                link: u32_at(elf, at + 40)?,
                info: u32_at(elf, at + 44)?,
                size: u64_at(elf, at + 32)?,
                data: data(at)?,
            })
        })
        .collect()
}

/// Stack frames by function name, from the attributes of `.nv.info`.
fn frames(sections: &[Section<'_>]) -> Option<Vec<(String, u32)>> {
    let Some(info) = sections.iter().find(|s| s.name == ".nv.info") else { return Some(Vec::new()) };
    let symbols = sections.iter().find(|s| s.kind == SHT_SYMTAB)?;
    let strings = sections.get(usize::try_from(symbols.link).ok()?)?.data;
    let mut found = Vec::new();
    let mut at = 0;
    while at + 4 <= info.data.len() {
        let (format, attribute, value) = (info.data[at], info.data[at + 1], u16_at(info.data, at + 2)?);
        at += 4;
        let length = if format == EIFMT_SVAL { usize::from(value) } else { 0 };
        if attribute == EIATTR_FRAME_SIZE && format == EIFMT_SVAL && length == 8 {
            let symbol = usize::try_from(u32_at(info.data, at)?).ok()?;
            // An ELF-64 symbol is 24 bytes and begins with its name.
            let name = text_at(strings, u32_at(symbols.data, symbol.checked_mul(24)?)?)?;
            found.push((name.to_owned(), u32_at(info.data, at + 4)?));
        }
        at += length;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn other_files_are_refused_with_a_reason() {
        let error = read(b"PTX text").unwrap_err().to_string();
        assert!(error.contains("ELF"), "{error}");
        assert!(read(&[]).is_err());
    }

    proptest! {
        #[test]
        fn damaged_images_never_panic(mut tail in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&tail);
            tail.splice(0..0, *b"\x7fELF\x02\x01");
            let _ = read(&tail);
            // A section table that points into the noise.
            if tail.len() > 64 {
                tail[40..48].copy_from_slice(&16u64.to_le_bytes());
                tail[58..60].copy_from_slice(&64u16.to_le_bytes());
                tail[60..62].copy_from_slice(&3u16.to_le_bytes());
                tail[62..64].copy_from_slice(&1u16.to_le_bytes());
                let _ = read(&tail);
            }
        }
    }
}
