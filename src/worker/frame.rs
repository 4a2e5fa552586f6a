//! Frames as bytes.

use zeroize::Zeroizing;

/// Kind and length.
pub const HEAD: usize = 5;

/// A whole frame, in one buffer that is wiped.
pub fn write(kind: u8, fields: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length: usize = fields.iter().map(|field| 4 + field.len()).sum();
    let mut frame = Zeroizing::new(Vec::with_capacity(HEAD + length));
    frame.push(kind);
    frame.extend_from_slice(&size(length));
    for field in fields {
        frame.extend_from_slice(&size(field.len()));
        frame.extend_from_slice(field);
    }
    frame
}

/// A length as it is written. What is longer than four bytes can tell comes out as the longest, which nobody takes.
fn size(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

/// Kind and length of the frame that follows; `None` where it is longer than `most`.
pub fn read_head(head: [u8; HEAD], most: usize) -> Option<(u8, usize)> {
    let [kind, a, b, c, d] = head;
    let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).ok()?;
    (length <= most).then_some((kind, length))
}

/// The `N` fields of a frame; `None` where it has more, fewer, or broken ones.
pub fn fields<const N: usize>(body: &[u8]) -> Option<[&[u8]; N]> {
    let mut rest = body;
    let mut found = [&[][..]; N];
    for field in &mut found {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        (*field, rest) = after.split_at_checked(length)?;
    }
    rest.is_empty().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(frame: &[u8]) -> &[u8] {
        &frame[HEAD..]
    }

    #[test]
    fn fields_come_back() {
        let frame = write(b'x', &[b"one", b"", b"three"]);
        let head: [u8; HEAD] = frame[..HEAD].try_into().unwrap();
        assert_eq!(read_head(head, 100), Some((b'x', frame.len() - HEAD)));
        assert_eq!(fields::<3>(body(&frame)), Some([&b"one"[..], b"", b"three"]));
        assert_eq!(fields::<0>(body(&write(b'x', &[]))), Some([]));
    }

    #[test]
    fn what_does_not_fit_is_nothing() {
        let frame = write(b'x', &[b"one", b"two"]);
        assert_eq!(read_head([b'x', 0, 0, 0, 1], (1 << 24) - 1), None);
        assert_eq!(read_head([b'x', 0xff, 0xff, 0xff, 0xff], 100), None);
        assert_eq!(fields::<1>(body(&frame)), None);
        assert_eq!(fields::<3>(body(&frame)), None);
        for cut in 0..body(&frame).len() {
            assert_eq!(fields::<2>(&body(&frame)[..cut]), None, "cut at {cut}");
        }
        assert_eq!(fields::<1>(&[0xff, 0xff, 0xff, 0xff, 1, 2, 3]), None);
    }
}
