//! Registers and memory of the kernel functions in a CUBIN, read from the ELF image itself.
//!
//! No tool is needed: registers and stack frame of a function are the `EIATTR_REGCOUNT` (0x2f) and `EIATTR_FRAME_SIZE`
//! (0x11) entries for its symbol in `.nv.info`, and its static shared memory is the size of `.nv.shared.<name>`. The
//! layout is what `cuobjdump -elf` prints. (The highest byte of `sh_info` of `.text.<name>` repeats the register count
//! up to sm_80 and is zero from sm_90 on, so it is no source.) A frame holds spilled registers and arrays that are indexed at run time; both live in slow local
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
    size: u64,
    data: &'a [u8],
}

const SHT_SYMTAB: u32 = 2;
const SHT_NOBITS: u32 = 8;
const EIATTR_FRAME_SIZE: u8 = 0x11;
const EIATTR_REGCOUNT: u8 = 0x2f;
/// Format of an attribute whose 16-bit field is the length of the payload that follows.
const EIFMT_SVAL: u8 = 4;

/// The kernel functions of a CUBIN, by name.
///
/// # Errors
/// The bytes are not an ELF image with such sections, or a function lacks an attribute: unknown is never zero.
pub fn read(cubin: &[u8]) -> Result<Vec<Resources>, CudaError> {
    let all = sections(cubin).ok_or_else(|| bad("it is not a whole 64-bit little-endian ELF image"))?;
    let attributes = attributes(&all).ok_or_else(|| bad("its .nv.info section is missing or cut short"))?;
    let mut found = Vec::new();
    for function in all.iter().filter_map(|section| section.name.strip_prefix(".text.")) {
        let value = |code: u8, what: &str| {
            let entry = attributes.iter().find(|a| a.code == code && a.function == function);
            entry.map(|a| a.value).ok_or_else(|| bad(&format!("it does not tell the {what} of {function}")))
        };
        let shared = format!(".nv.shared.{function}");
        found.push(Resources {
            function: function.to_owned(),
            registers: value(EIATTR_REGCOUNT, "registers")?,
            shared_bytes: all.iter().find(|s| s.name == shared).map_or(0, |s| s.size),
            local_bytes: value(EIATTR_FRAME_SIZE, "stack frame")?,
        });
    }
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
                size: u64_at(elf, at + 32)?,
                data: data(at)?,
            })
        })
        .collect()
}

/// A number that `.nv.info` gives for a function.
struct Attribute<'a> {
    code: u8,
    function: &'a str,
    value: u32,
}

/// The entries of `.nv.info` whose payload is a symbol's number and a value.
fn attributes<'a>(sections: &[Section<'a>]) -> Option<Vec<Attribute<'a>>> {
    let info = sections.iter().find(|s| s.name == ".nv.info")?.data;
    let symbols = sections.iter().find(|s| s.kind == SHT_SYMTAB)?;
    let strings = sections.get(usize::try_from(symbols.link).ok()?)?.data;
    let mut found = Vec::new();
    let mut rest = info;
    while let [format, code, low, high, after @ ..] = rest {
        let length = if *format == EIFMT_SVAL { usize::from(u16::from_le_bytes([*low, *high])) } else { 0 };
        if *format == EIFMT_SVAL && length == 8 {
            let symbol = usize::try_from(u32_at(after, 0)?).ok()?;
            // An ELF-64 symbol is 24 bytes and begins with its name.
            let function = text_at(strings, u32_at(symbols.data, symbol.checked_mul(24)?)?)?;
            found.push(Attribute { code: *code, function, value: u32_at(after, 4)? });
        }
        rest = after.get(length..)?;
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
