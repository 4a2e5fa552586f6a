//! A block of header fields, split and unfolded (RFC 5322 section 2.2), whatever it looks like.

use super::words;

/// How many fields of one block are kept; a real header has a few dozen.
const MAX_FIELDS: usize = 10_000;
/// How much of one value is decoded.
const MAX_VALUE: usize = 64 * 1024;

/// One field: its name in lower case and its value, unfolded but not decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Lower-case ASCII.
    pub name: String,
    /// The raw bytes with the line breaks of folding removed.
    pub value: Vec<u8>,
}

impl Field {
    /// The value as text: encoded words (RFC 2047) decoded, white space trimmed, one line.
    pub fn text(&self) -> String {
        words::decode(self.clipped()).trim().to_owned()
    }

    /// The value as text without decoding encoded words: for structured fields that are taken apart first.
    pub fn raw_text(&self) -> String {
        words::bytes_to_text(self.clipped())
    }

    fn clipped(&self) -> &[u8] {
        self.value.get(..MAX_VALUE).unwrap_or(&self.value)
    }
}

/// The fields of one part, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    list: Vec<Field>,
    /// True where fields were left out because there were too many.
    pub truncated: bool,
}

impl Fields {
    /// Splits a header block. Lines that are no field are passed over.
    pub fn parse(mut block: &[u8]) -> Fields {
        let mut fields = Fields::default();
        while !block.is_empty() {
            if fields.list.len() >= MAX_FIELDS {
                fields.truncated = true;
                break;
            }
            let used = match mailparse::parse_header(block) {
                Ok((header, used)) => {
                    let name = words::bytes_to_text(header.get_key_raw()).trim().to_ascii_lowercase();
                    if is_name(&name) {
                        fields.list.push(Field { name, value: unfold(header.get_value_raw()) });
                    }
                    used
                }
                Err(_) => line_length(block),
            };
            block = block.get(used.max(1)..).unwrap_or_default();
        }
        fields
    }

    /// The first field of this (lower-case) name.
    pub fn first(&self, name: &str) -> Option<&Field> {
        self.list.iter().find(|field| field.name == name)
    }

    /// Every field of this (lower-case) name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Field> {
        self.list.iter().filter(move |field| field.name == name)
    }

    /// Every field.
    pub fn iter(&self) -> impl Iterator<Item = &Field> {
        self.list.iter()
    }

    /// True where there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// True for what may be a field's name: printable ASCII without a space.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b':')
}

fn line_length(block: &[u8]) -> usize {
    block.iter().position(|b| *b == b'\n').map_or(block.len(), |at| at + 1)
}

/// Removes line breaks; a tab or a run that began a folded line becomes one space, as most programs write it.
fn unfold(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut fresh = false;
    for &byte in value {
        match byte {
            b'\r' => {}
            b'\n' => fresh = true,
            b' ' | b'\t' if fresh => {
                if out.last() != Some(&b' ') {
                    out.push(b' ');
                }
            }
            _ => {
                fresh = false;
                out.push(byte);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_survive_bad_lines() {
        let fields = Fields::parse(b" stray\r\nSubject: a\r\n\tb\r\nno colon here\r\nX-A:1\r\nsubject: c\r\n");
        assert_eq!(fields.first("subject").map(Field::text).as_deref(), Some("a b"));
        assert_eq!(fields.all("subject").count(), 2);
        assert_eq!(fields.first("x-a").map(Field::text).as_deref(), Some("1"));
        assert_eq!(fields.iter().count(), 3);
    }
}
