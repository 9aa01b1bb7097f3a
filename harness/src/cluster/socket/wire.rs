//! Frames on a stream: one byte for the kind, four for the length, the bytes.

use std::io::{self, Read, Write};

/// Above what any report needs; a stranger's bytes are not taken for a length.
const LONGEST: u32 = 64 << 20;

/// What one rank sends another.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Part of a collective call.
    Data(Vec<u8>),
    /// The sender, or the rank that it names, leaves.
    Leave(Vec<u8>),
}

pub(super) fn send(stream: &mut impl Write, frame: &Frame) -> io::Result<()> {
    let (kind, bytes) = match frame {
        Frame::Data(bytes) => (0_u8, bytes),
        Frame::Leave(reason) => (1, reason),
    };
    let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= LONGEST);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a frame over 64 MiB"))?;
    // One write: a frame goes out as one segment where it fits.
    let mut out = Vec::with_capacity(5 + bytes.len());
    out.push(kind);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes);
    stream.write_all(&out)
}

pub(super) fn receive(stream: &mut impl Read) -> io::Result<Frame> {
    let mut head = [0; 5];
    stream.read_exact(&mut head)?;
    let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
    if head[0] > 1 || length > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "no frame of ergometer"));
    }
    let mut bytes = vec![0; length as usize];
    stream.read_exact(&mut bytes)?;
    Ok(if head[0] == 0 { Frame::Data(bytes) } else { Frame::Leave(bytes) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_round_trip_and_strangers_are_refused() {
        let mut wire = Vec::new();
        for frame in [Frame::Data(vec![]), Frame::Leave(b"why".to_vec())] {
            wire.clear();
            send(&mut wire, &frame).unwrap();
            assert_eq!(receive(&mut wire.as_slice()).unwrap(), frame);
        }
        assert!(receive(&mut &b"GET / HTTP/1.1\r\n"[..]).is_err());
        assert!(receive(&mut &[0, 255, 255, 255, 255][..]).is_err());
        assert!(receive(&mut &wire[..3]).is_err());
    }
}
