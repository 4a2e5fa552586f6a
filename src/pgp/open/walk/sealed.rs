//! Encrypted layers: PGP/MIME, mended PGP/MIME, and files that are messages.

use sha2::{Digest, Sha256};

use super::super::decrypt::{self, Failed, Reading, Sealing};
use super::super::verify::Sig;
use super::{
    Cover, Item, MAX_OPERATIONS, MAX_SEALS_DEEP, MAX_TOTAL, Outcome, Piece, Role, Seal, Source, Walk, is_blank_text,
    number_under,
};
use crate::message::armor::{self, Kind};
use crate::message::fields::Fields;
use crate::message::layer;
use crate::message::tree::{self, Limits, Part, Tree};
use crate::message::{html, words};
use crate::verdict::Format;

impl Walk<'_, '_> {
    pub(super) fn encrypted(&mut self, item: &Item, data: usize, others: &[usize], mended: bool) {
        self.set_format(if mended { Format::Mixed } else { Format::PgpMime });
        // What somebody put before the ciphertext is read first; what came after, after.
        let (before, after): (Vec<usize>, Vec<usize>) = others.iter().copied().partition(|other| *other < data);
        let blank = |walk: &Self, parts: &[usize]| parts.iter().all(|part| walk.is_blank(item.unit, *part));
        let alone = blank(self, &before) && blank(self, &after);
        for part in after.iter().rev() {
            self.push_child(item, *part);
        }
        let place =
            self.part(item.unit, item.part).and_then(|part| part.children.iter().position(|child| *child == data));
        let place = place.unwrap_or(0);
        let path = if !alone { number_under(&item.path, place + 1) } else { item.path.clone() };
        let first = blank(self, &before);
        let (root, lead) = (item.root && alone, item.lead && first);
        self.stack.push(Item { part: data, path, root, lead, open: Some(mended), ..item.clone() });
        for part in before.iter().rev() {
            self.push_child(item, *part);
        }
    }

    pub(super) fn push_child(&mut self, item: &Item, part: usize) {
        if self.is_blank(item.unit, part) {
            return;
        }
        let place = self.part(item.unit, item.part).and_then(|p| p.children.iter().position(|child| *child == part));
        let path = number_under(&item.path, place.unwrap_or(0) + 1);
        self.stack.push(Item { part, path, root: false, lead: false, ..item.clone() });
    }

    /// True for text with nothing to read, as gateways leave it around what they took apart.
    pub(super) fn is_blank(&self, unit: usize, part: usize) -> bool {
        let Some(found) = self.part(unit, part) else { return true };
        if !found.children.is_empty() || !found.media_type().starts_with("text/") || found.body.len() > 4096 {
            return false;
        }
        let text = words::bytes_to_text(&self.prefix(unit, part));
        let text = if found.media_type() == "text/html" { html::to_text(&text) } else { text };
        is_blank_text(&text)
    }

    /// True where something has been shown already: then what is sealed was not the mail, but a thing in it.
    pub(super) fn something_shown(&self) -> bool {
        self.leaves
            .iter()
            .filter(|leaf| leaf.shown && leaf.role == Role::Body)
            .any(|leaf| leaf.pieces.iter().any(|piece| piece.text.as_deref().is_some_and(|text| !is_blank_text(text))))
    }

    /// Opens the ciphertext of a PGP/MIME layer.
    pub(super) fn open_entity(&mut self, item: &Item, mended: bool) {
        let separate = !item.root && self.something_shown();
        let bytes = self.decoded(item.unit, item.part);
        if mended && layer::starts_as(bytes.expose()).is_none() && !armor::is_likely(bytes.expose()) {
            self.warn("not-encrypted: what should be an encrypted part holds no OpenPGP data".into());
            return self.push_file(item, Role::File);
        }
        match self.read(message_in(bytes.expose()).as_deref().unwrap_or(bytes.expose()), item) {
            Ok(reading) => {
                if reading.sealing.is_none() && item.cover.seal.is_none() {
                    self.warn("not-encrypted: what should be an encrypted part is not encrypted".into());
                }
                if separate {
                    self.warn(format!(
                        "separate-encrypted: part {} was encrypted by itself and stands after text that was not, so its \
                         text is kept apart",
                        if item.path.is_empty() { "1" } else { &item.path }
                    ));
                }
                let item = Item { shown: item.shown && !separate, ..item.clone() };
                self.enter(&item, reading, None);
            }
            Err(failed) => self.stay_closed(item, failed),
        }
    }

    /// Opens a file that is itself an OpenPGP message.
    pub(super) fn sealed_file(&mut self, item: &Item) {
        let bytes = self.decoded(item.unit, item.part);
        let found = message_in(bytes.expose());
        let before = self.seals.len();
        match self.read(found.as_deref().unwrap_or(bytes.expose()), item) {
            Ok(reading) => {
                if reading.sealing.is_some() {
                    self.set_format(Format::Attachment);
                }
                let name = self.part(item.unit, item.part).and_then(Part::name).map(str::to_owned);
                let inner = name.as_deref().map(|name| layer::plain_name(name).unwrap_or(name).to_owned());
                let whole = item.root && item.path.is_empty();
                self.enter(&Item { shown: whole, ..item.clone() }, reading, Some(inner));
            }
            Err(Failed::Malformed) if !item.path.is_empty() => {
                self.push_file(item, Role::File);
            }
            Err(failed) => {
                self.stay_closed(item, failed);
                if self.seals.len() > before {
                    self.set_format(Format::Attachment);
                }
            }
        }
    }

    pub(super) fn read(&mut self, data: &[u8], item: &Item) -> Result<Reading, Failed> {
        self.operations += 1;
        if self.operations > MAX_OPERATIONS || item.seals >= MAX_SEALS_DEEP {
            return Err(Failed::Limit(Sealing::default(), "too many sealed layers"));
        }
        let reading = decrypt::read(data, self.env)?;
        self.total += reading.payload.expose().len();
        if self.total > MAX_TOTAL {
            return Err(Failed::Limit(reading.sealing.unwrap_or_default(), "all layers together are more than 64 MiB"));
        }
        Ok(reading)
    }

    /// Goes on in what was opened. `file` is the name of the file it came in, if it came as one.
    pub(super) fn enter(&mut self, item: &Item, reading: Reading, file: Option<Option<String>>) {
        let cover = self.cover_with(&item.cover, reading.sealing, reading.sigs, reading.payload.expose());
        let tree = payload_tree(reading.payload.expose(), file.as_ref());
        let unit = self.add_unit(Source::Opened(reading.payload), tree);
        let is_file = file.is_some();
        let item = Item { unit, part: 0, cover, seals: item.seals + 1, ..item.clone() };
        let lone = self.part(unit, 0).is_some_and(|part| part.file_name.is_some() || (is_file && !part.typed));
        if lone && !item.path.is_empty() {
            return self.lone_file(&item);
        }
        self.stack.push(item);
    }

    /// A decrypted file that is no mail: shown only where there is nothing else to read.
    pub(super) fn lone_file(&mut self, item: &Item) {
        let media_type = self.part(item.unit, item.part).map(|part| part.media_type().to_owned()).unwrap_or_default();
        let text = media_type.starts_with("text/").then(|| {
            let bytes = self.decoded(item.unit, item.part);
            words::decode_charset(bytes.expose(), None)
        });
        if let Some(text) = text.as_ref().filter(|text| armor::is_likely(text.as_bytes())) {
            self.collection.in_text(text.as_bytes());
            if armor::find(text.as_bytes()).iter().any(|block| block.kind == Kind::PrivateKey) {
                self.warn_of_secret_key();
            }
        }
        self.push_leaf(item, Role::File, vec![Piece { text, cover: item.cover.clone() }]);
    }

    pub(super) fn cover_with(
        &mut self,
        over: &Cover,
        sealing: Option<Sealing>,
        sigs: Vec<Sig>,
        payload: &[u8],
    ) -> Cover {
        let mut cover = over.clone();
        match sealing {
            Some(sealing) => {
                let payload_sha256 = Some(data_encoding::HEXLOWER.encode(&Sha256::digest(payload)));
                self.seals.push(Seal { outcome: Outcome::Opened, sealing, payload_sha256 });
                cover.seal = cover.seal.or(Some(self.seals.len() - 1));
            }
            None => {}
        }
        if !sigs.is_empty() {
            self.groups.push(sigs);
            cover.groups.push(self.groups.len() - 1);
        }
        cover
    }

    pub(super) fn stay_closed(&mut self, item: &Item, failed: Failed) {
        self.close(failed);
        self.push_file(item, Role::Ciphertext);
    }

    /// Records a layer that stays closed, and why.
    pub(super) fn close(&mut self, failed: Failed) {
        let (outcome, sealing) = match failed {
            Failed::Unopened(sealing, reason) => (Outcome::Unopened(reason), sealing),
            Failed::Refused(sealing) => (Outcome::Refused, sealing),
            Failed::Limit(sealing, limit) => {
                self.quarantine(limit);
                (Outcome::Unopened(format!("it was not opened because of a limit: {limit}")), sealing)
            }
            Failed::Malformed => {
                let reason = "the encrypted part is damaged or no OpenPGP message; ask the sender to send it again";
                (Outcome::Unopened(reason.into()), Sealing::default())
            }
        };
        self.seals.push(Seal { outcome, sealing, payload_sha256: None });
    }
}

/// The first armored message in a body that should be one; `None` where there is no armor.
fn message_in(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.first().is_some_and(|first| first & 0x80 != 0) && layer::binary_kind(bytes).is_some() {
        return None;
    }
    armor::find(bytes).into_iter().find(|block| block.kind == Kind::Message).map(|block| block.data)
}

/// What was inside: a MIME entity, or text, or a file.
fn payload_tree(payload: &[u8], file: Option<&Option<String>>) -> Tree {
    match file {
        Some(name) if !starts_with_mime(payload) => {
            Tree::single(payload.len(), guess_type(payload, name.as_deref()), name.clone())
        }
        _ => {
            let parsed = tree::parse(payload, Limits::default());
            let known = parsed.parts.first().is_some_and(|root| root.typed || has_known_field(&root.fields));
            if known { parsed } else { Tree::single(payload.len(), guess_type(payload, None), None) }
        }
    }
}

fn has_known_field(fields: &Fields) -> bool {
    ["mime-version", "content-transfer-encoding", "content-disposition", "subject", "from", "date", "message-id"]
        .iter()
        .any(|name| fields.first(name).is_some())
}

/// True where a MIME entity begins.
pub fn starts_with_mime(payload: &[u8]) -> bool {
    let start = payload.trim_ascii_start();
    ["content-type:", "mime-version:", "content-transfer-encoding:"]
        .iter()
        .any(|name| start.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name.as_bytes())))
}

/// A media type from a file's ending or, without one, from whether it is text.
fn guess_type(payload: &[u8], name: Option<&str>) -> &'static str {
    let ending = name.and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("gif") => "image/gif",
        Some("pdf") => "application/pdf",
        Some("zip") => "application/zip",
        Some("gz" | "tgz") => "application/gzip",
        Some("html" | "htm") => "text/html",
        Some("json") => "application/json",
        Some("xml") => "application/xml",
        Some("py") => "text/x-python",
        Some("md") => "text/markdown",
        Some("csv") => "text/csv",
        _ if std::str::from_utf8(payload).is_ok() && !payload.contains(&0) => "text/plain",
        Some("txt" | "log" | "patch" | "diff") => "text/plain",
        _ if name.is_none() && !payload.iter().take(4096).any(|b| *b == 0) => "text/plain",
        _ => "application/octet-stream",
    }
}
