//! What a person reads, and the list of parts.

use sha2::{Digest, Sha256};

use super::walk::{self, Cover, Leaf, Role, Walk};
use crate::report::PartInfo;
use crate::secret::Plaintext;
use crate::verdict::{EncryptionStatus, Signature, SignatureStatus};

/// The text to read and the media type it was made from. What had other protection than the rest stands between lines that say so.
pub fn text(walk: &Walk<'_, '_>) -> (String, Option<String>) {
    let shown = |leaf: &&Leaf| leaf.shown && matches!(leaf.role, Role::Body | Role::Heading);
    let mut chosen: Vec<&Leaf> = walk.leaves.iter().filter(shown).collect();
    if !chosen.iter().any(|leaf| has_text(leaf)) {
        // Where there is nothing else to read, what came apart is the mail.
        let apart = |leaf: &&Leaf| leaf.role != Role::Heading && !leaf.duplicate && has_text(leaf);
        chosen.extend(walk.leaves.iter().find(apart));
    }
    let pieces: Vec<(&str, &Cover)> = chosen
        .iter()
        .flat_map(|leaf| leaf.pieces.iter())
        .filter_map(|piece| piece.text.as_deref().map(|text| (text, &piece.cover)))
        .filter(|(text, _)| !text.trim().is_empty())
        .collect();
    let read = |cover: &Cover| (cover.seal.is_some(), !cover.groups.is_empty());
    let uniform = pieces.windows(2).all(|pair| matches!(pair, [(_, a), (_, b)] if read(a) == read(b)));
    let size = pieces.iter().map(|(text, _)| text.len() + 80).sum();
    let mut out = String::with_capacity(size);
    for (text, cover) in &pieces {
        if !out.is_empty() && !out.ends_with("\n\n") {
            out.push_str(if out.ends_with('\n') { "\n" } else { "\n\n" });
        }
        let label = label(cover).filter(|_| !uniform && !walk::is_blank_text(text));
        if let Some(label) = label {
            out.push_str(&format!("[-- {label} text begins --]\n"));
        }
        push_lines(&mut out, text);
        if let Some(label) = label {
            if !out.ends_with('\n') {
                out.push('\n');
            }
            out.push_str(&format!("[-- {label} text ends --]\n"));
        }
    }
    let from = chosen.iter().find(|leaf| leaf.role != Role::Heading && has_text(leaf));
    let media_type = from.and_then(|leaf| walk.part_of(leaf)).map(|part| part.media_type().to_owned());
    (out, media_type)
}

fn has_text(leaf: &Leaf) -> bool {
    leaf.pieces.iter().any(|piece| piece.text.as_deref().is_some_and(|text| !walk::is_blank_text(text)))
}

fn label(cover: &Cover) -> Option<&'static str> {
    match (cover.seal.is_some(), cover.groups.is_empty()) {
        (true, true) => Some("encrypted"),
        (true, false) => Some("signed and encrypted"),
        (false, false) => Some("signed"),
        (false, true) => None,
    }
}

/// Line ends become line feeds.
fn push_lines(out: &mut String, text: &str) {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\r' && chars.peek() == Some(&'\n') {
            continue;
        }
        out.push(c);
    }
}

/// The content of a part: decoded, or the text of its pieces where armor in it was opened.
pub fn content(walk: &Walk<'_, '_>, leaf: &Leaf) -> Plaintext {
    if !leaf.inline {
        return walk.decoded(leaf.unit, leaf.part);
    }
    let texts = || leaf.pieces.iter().filter_map(|piece| piece.text.as_deref());
    let mut bytes = Vec::with_capacity(texts().map(str::len).sum());
    for text in texts() {
        bytes.extend_from_slice(text.as_bytes());
    }
    Plaintext::new(bytes)
}

/// Every part that can be saved.
pub fn parts(walk: &Walk<'_, '_>, signature: &Signature) -> Vec<PartInfo> {
    let good = signature.status == SignatureStatus::Good;
    let listed = walk.leaves.iter().filter(|leaf| leaf.role != Role::Heading);
    listed
        .map(|leaf| {
            let part = walk.part_of(leaf);
            let bytes = content(walk, leaf);
            let covered = |test: &dyn Fn(&Cover) -> bool| leaf.pieces.iter().all(|piece| test(&piece.cover));
            PartInfo {
                path: leaf.path.clone(),
                name: part.and_then(|part| part.name()).map(str::to_owned),
                media_type: part.map(|part| part.media_type().to_owned()).unwrap_or_default(),
                size: bytes.expose().len() as u64,
                sha256: data_encoding::HEXLOWER.encode(&Sha256::digest(bytes.expose())),
                encrypted: covered(&|cover| cover.seal.is_some()),
                signed: good && covered(&|cover| !cover.groups.is_empty()),
            }
        })
        .collect()
}

/// Names HTML that would reach out, above all where it stands beside something that was decrypted.
pub fn warn(walk: &mut Walk<'_, '_>, status: EncryptionStatus) {
    let html = |leaf: &&Leaf| walk.part_of(leaf).is_some_and(|part| part.media_type() == "text/html");
    let mut reaching = false;
    let mut open_beside_sealed = false;
    for leaf in walk.leaves.iter().filter(html) {
        let bytes = content(walk, leaf);
        if reaches_out(bytes.expose()) {
            reaching = true;
            open_beside_sealed |= leaf.pieces.iter().any(|piece| piece.cover.seal.is_none());
        }
    }
    if reaching && open_beside_sealed && status != EncryptionStatus::None {
        walk.warn(
            "exfiltration-html: HTML that was not encrypted stands around encrypted text and refers to the network; \
             nothing was fetched"
                .into(),
        );
    } else if reaching && status != EncryptionStatus::None {
        walk.warn("remote-content: the encrypted HTML refers to the network; nothing was fetched".into());
    }
}

/// A reference that a browser would follow by itself.
fn reaches_out(html: &[u8]) -> bool {
    let text = html.get(..1 << 20).unwrap_or(html).to_ascii_lowercase();
    let has = |needle: &[u8]| text.windows(needle.len()).any(|window| window == needle);
    let remote = has(b"http:") || has(b"https:") || has(b"=\"//") || has(b"='//") || has(b"ftp:");
    let loads: [&[u8]; 10] =
        [b"src", b"url(", b"@import", b"<link", b"<form", b"http-equiv", b"poster", b"background", b"<object", b"<svg"];
    remote && loads.iter().any(|needle| has(needle))
}
