//! A header block to the values that filing needs.

use super::fields::{Field, Fields};
use super::{Address, Header, address, automatic, date, words};

/// How many Message-IDs of References are kept: the first and the newest.
const MAX_REFERENCES: usize = 200;

impl Header {
    /// Reads the fields of a message.
    pub fn read(fields: &Fields, media_type: &str, report_type: Option<&str>) -> Header {
        Header {
            message_id: fields.first("message-id").and_then(|field| ids(&field.raw_text()).into_iter().next()),
            date: fields.first("date").and_then(|field| date::parse(&field.raw_text())),
            from: addresses(fields, "from"),
            reply_to: addresses(fields, "reply-to"),
            to: addresses(fields, "to"),
            cc: addresses(fields, "cc"),
            subject: fields.first("subject").map(Field::text),
            in_reply_to: fields.first("in-reply-to").map(|field| ids(&field.raw_text())).unwrap_or_default(),
            references: references(fields),
            automatic: automatic::classify(fields, media_type, report_type),
            received: fields.first("received").and_then(|field| date::of_received(&field.raw_text())),
        }
    }

    /// Takes from `sealed` what the seal covered and this header lacks or may only have in another form. From and the
    /// trace of the way stay with the caller.
    pub fn overlay(&mut self, sealed: Header) {
        if sealed.subject.is_some() {
            self.subject = sealed.subject;
        }
        if sealed.date.is_some() {
            self.date = sealed.date;
        }
        for (ours, theirs) in
            [(&mut self.to, sealed.to), (&mut self.cc, sealed.cc), (&mut self.reply_to, sealed.reply_to)]
        {
            if !theirs.is_empty() {
                *ours = theirs;
            }
        }
        for (ours, theirs) in [(&mut self.in_reply_to, sealed.in_reply_to), (&mut self.references, sealed.references)] {
            if !theirs.is_empty() {
                *ours = theirs;
            }
        }
    }
}

/// All addresses of every field of this name: a second From field makes a second sender, which is the point.
fn addresses(fields: &Fields, name: &str) -> Vec<Address> {
    let mut list: Vec<Address> = fields.all(name).flat_map(|field| address::parse(&field.raw_text())).collect();
    list.truncate(address::MAX_ADDRESSES);
    list
}

fn references(fields: &Fields) -> Vec<String> {
    let mut list = fields.first("references").map(|field| ids(&field.raw_text())).unwrap_or_default();
    if list.len() > MAX_REFERENCES {
        list.drain(1..list.len() - MAX_REFERENCES + 1);
    }
    list
}

/// Message-IDs with their brackets; a bare word where no bracket is found.
pub fn ids(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some(start) = rest.find('<') {
        let after = rest.get(start..).unwrap_or_default();
        let Some(end) = after.find('>') else { break };
        let id: String = after.get(..=end).unwrap_or_default().chars().filter(|c| !c.is_whitespace()).collect();
        if id.len() > 2 && id.len() <= 998 {
            found.push(id);
        }
        rest = after.get(end + 1..).unwrap_or_default();
    }
    if found.is_empty() {
        let word = words::decode(value.trim().as_bytes());
        if !word.is_empty() && word.len() <= 998 && !word.contains(char::is_whitespace) {
            found.push(format!("<{}>", word.trim_matches(['<', '>'])));
        }
    }
    found
}
