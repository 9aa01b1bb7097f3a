//! Protocol-buffer wire format: tags, varints and length-delimited fields, as far as ONNX needs them.

/// The content of one field.
#[derive(Debug, Clone, Copy)]
pub(super) enum Field<'a> {
    /// An integer.
    Varint(u64),
    /// Text, bytes, a message, or packed numbers.
    Bytes(&'a [u8]),
    /// A fixed-width number, not needed here.
    Fixed,
}

/// A file that is not well-formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// Reads a varint from the front of `bytes`.
fn varint(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first().ok_or(Malformed)?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Malformed)
}

fn take<'a>(bytes: &mut &'a [u8], length: u64) -> Result<&'a [u8], Malformed> {
    let length = usize::try_from(length).map_err(|_| Malformed)?;
    let (taken, rest) = bytes.split_at_checked(length).ok_or(Malformed)?;
    *bytes = rest;
    Ok(taken)
}

/// All fields of a message, by number.
pub(super) fn fields(mut bytes: &[u8]) -> Result<Vec<(u64, Field<'_>)>, Malformed> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let field = match tag & 7 {
            0 => Field::Varint(varint(&mut bytes)?),
            1 => take(&mut bytes, 8).map(|_| Field::Fixed)?,
            2 => {
                let length = varint(&mut bytes)?;
                Field::Bytes(take(&mut bytes, length)?)
            }
            5 => take(&mut bytes, 4).map(|_| Field::Fixed)?,
            _ => return Err(Malformed),
        };
        fields.push((tag >> 3, field));
    }
    Ok(fields)
}

/// Repeated integers of one field, packed or not.
pub(super) fn integers(into: &mut Vec<i64>, field: Field<'_>) -> Result<(), Malformed> {
    match field {
        Field::Varint(value) => into.push(value.cast_signed()),
        Field::Bytes(mut packed) => {
            while !packed.is_empty() {
                into.push(varint(&mut packed)?.cast_signed());
            }
        }
        Field::Fixed => return Err(Malformed),
    }
    Ok(())
}

/// A field that must be text.
pub(super) fn text(field: Field<'_>) -> Result<String, Malformed> {
    match field {
        Field::Bytes(bytes) => std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Malformed),
        Field::Varint(_) | Field::Fixed => Err(Malformed),
    }
}

/// A field that must be a message.
pub(super) fn message(field: Field<'_>) -> Result<Vec<(u64, Field<'_>)>, Malformed> {
    match field {
        Field::Bytes(bytes) => fields(bytes),
        Field::Varint(_) | Field::Fixed => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_encoding_guides_examples() {
        // Field 1 = 150, field 2 = "testing", field 4 = packed 3, 270, 86942 (protobuf.dev, Encoding).
        let bytes = [0x08, 0x96, 0x01];
        assert!(matches!(fields(&bytes).unwrap()[..], [(1, Field::Varint(150))]));
        let bytes = [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67];
        assert_eq!(text(fields(&bytes).unwrap()[0].1).unwrap(), "testing");
        let bytes = [0x22, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05];
        let mut numbers = Vec::new();
        integers(&mut numbers, fields(&bytes).unwrap()[0].1).unwrap();
        assert_eq!(numbers, [3, 270, 86_942]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = fields(&bytes);
        }
    }
}
