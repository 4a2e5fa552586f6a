//! Signed layers, and S/MIME, which is only named.

use super::super::decrypt::Sealing;
use super::super::verify::{self, Sig};
use super::{Item, MAX_OPERATIONS, Outcome, Role, Seal, Walk, number_under};
use crate::message::armor::{self, Kind};
use crate::verdict::Format;

impl Walk<'_, '_> {
    pub(super) fn signed(&mut self, item: Item, content: usize, signature: usize, others: &[usize], mended: bool) {
        let group = self.verify_parts(&item, content, signature, mended);
        if !mended || group.is_some() {
            self.set_format(if mended { Format::Mixed } else { Format::PgpMime });
        }
        let mut cover = item.cover.clone();
        cover.groups.extend(group);
        let children = self.part(item.unit, item.part).map(|part| part.children.clone()).unwrap_or_default();
        let alone = others.iter().all(|part| self.is_blank(item.unit, *part));
        for (number, child) in children.iter().enumerate().rev() {
            if *child == signature {
                continue;
            }
            let covered = *child == content;
            if !covered && self.is_blank(item.unit, *child) {
                continue;
            }
            let path = if alone && !mended { item.path.clone() } else { number_under(&item.path, number + 1) };
            let cover = if covered { cover.clone() } else { item.cover.clone() };
            let root = item.root && covered && alone && !mended;
            let lead = item.lead && covered && children.first() == Some(child);
            self.stack.push(Item { part: *child, path, cover, root, lead, ..item.clone() });
        }
    }

    /// Checks the signature part against the content part as it stands, and as it may have stood.
    pub(super) fn verify_parts(
        &mut self,
        item: &Item,
        content: usize,
        signature: usize,
        mended: bool,
    ) -> Option<usize> {
        let signature_bytes = self.decoded(item.unit, signature);
        let packets = signature_in(signature_bytes.expose());
        self.operations += 1;
        if self.operations > MAX_OPERATIONS {
            self.quarantine("too many sealed layers");
            return None;
        }
        let unit = self.units.get(item.unit)?;
        let whole = unit.bytes().get(unit.tree.parts.get(content)?.whole.clone())?;
        let crlf = with_crlf(whole);
        let stripped = without_trailing_space(&crlf);
        let ended = [crlf.as_slice(), b"\r\n"].concat();
        let file = mended.then(|| self.decoded(item.unit, content));
        let mut forms: Vec<&[u8]> = vec![&crlf, whole, &ended, &stripped];
        if let Some(file) = &file {
            forms.insert(0, file.expose());
        }
        forms.dedup();
        match verify::detached(&packets, &forms, self.env) {
            Ok(sigs) if sigs.is_empty() => self.add_group(vec![unreadable_signature()]),
            Ok(sigs) => self.add_group(sigs),
            Err(limit) => {
                self.quarantine(limit);
                self.add_group(vec![unreadable_signature()])
            }
        }
    }

    pub(super) fn add_group(&mut self, sigs: Vec<Sig>) -> Option<usize> {
        self.groups.push(sigs);
        Some(self.groups.len() - 1)
    }

    pub(super) fn smime(&mut self, item: Item, encrypted: bool) {
        self.set_format(Format::Smime);
        if encrypted {
            let reason = "it is encrypted with S/MIME, which is kept and not opened; ask the sender to use OpenPGP";
            let outcome = Outcome::Unopened(reason.into());
            self.seals.push(Seal { outcome, sealing: Sealing::default(), payload_sha256: None });
            return self.push_file(&item, Role::Ciphertext);
        }
        self.warn("smime-signature: the mail is signed with S/MIME, which is not checked".into());
        self.ordinary(item);
    }
}

/// Stands for a signature that cannot be read.
pub fn unreadable_signature() -> Sig {
    Sig { reason: Some("it cannot be read".into()), ..Sig::blank() }
}

fn signature_in(bytes: &[u8]) -> Vec<u8> {
    let found =
        armor::find(bytes).into_iter().find(|block| block.kind == Kind::Signature || block.kind == Kind::Message);
    found.map_or_else(|| bytes.to_vec(), |block| block.data)
}

/// Line ends as RFC 3156 section 5 wants them.
fn with_crlf(bytes: &[u8]) -> Vec<u8> {
    let extra = bytes.iter().filter(|b| **b == b'\n').count();
    let mut out = Vec::with_capacity(bytes.len() + extra);
    let mut last = 0;
    for &byte in bytes {
        if byte == b'\n' && last != b'\r' {
            out.push(b'\r');
        }
        out.push(byte);
        last = byte;
    }
    out
}

/// Some senders sign before they cut the white space at the ends of lines.
fn without_trailing_space(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        let text = line.strip_suffix(b"\r\n").unwrap_or(line);
        let kept = text.iter().rposition(|b| !matches!(b, b' ' | b'\t')).map_or(0, |last| last + 1);
        out.extend_from_slice(text.get(..kept).unwrap_or_default());
        if text.len() < line.len() {
            out.extend_from_slice(b"\r\n");
        }
    }
    out
}
