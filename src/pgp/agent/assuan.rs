//! The line protocol that gpg-agent speaks on its socket (Assuan): as much of it as signing and decrypting need.
//!
//! Nothing of a mail's text goes through here: only key handles, digests and wrapped session keys.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use zeroize::Zeroizing;

use super::AgentError;

/// No line of the protocol is longer.
const MAX_LINE: usize = 1_000;
/// More than any key or number needs.
const MAX_DATA: usize = 1 << 20;

/// What came back.
#[derive(Default)]
pub struct Reply {
    /// The data, wiped on drop: it may be a session key.
    pub data: Zeroizing<Vec<u8>>,
    /// The status lines, without their `S `.
    pub status: Vec<String>,
}

/// One connection.
pub struct Connection {
    stream: BufReader<UnixStream>,
}

impl Connection {
    /// Connects and reads the greeting. `patience`: how long an answer may take; a person may have to type a PIN.
    pub fn open(socket: &Path, patience: Duration) -> Result<Connection, AgentError> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(Duration::from_secs(10)))?;
        let mut connection = Connection { stream: BufReader::new(stream) };
        connection.answer(None)?;
        Ok(connection)
    }

    /// Sends a command and reads to its end. An inquiry is answered with `given`.
    pub fn command(&mut self, line: &str, given: Option<&[u8]>) -> Result<Reply, AgentError> {
        debug_assert!(line.len() < MAX_LINE && !line.contains('\n'));
        self.send(line.as_bytes())?;
        self.answer(given)
    }

    fn answer(&mut self, given: Option<&[u8]>) -> Result<Reply, AgentError> {
        let mut reply = Reply::default();
        loop {
            let line = self.line()?;
            let (word, rest) = match line.iter().position(|b| *b == b' ') {
                Some(space) => (line.get(..space).unwrap_or_default(), line.get(space + 1..).unwrap_or_default()),
                None => (line.as_slice(), &[][..]),
            };
            match word {
                b"OK" => return Ok(reply),
                b"ERR" => return Err(AgentError::said(rest)),
                b"D" if reply.data.len() + rest.len() > MAX_DATA => return Err(AgentError::Protocol),
                b"D" => unescape(rest, &mut reply.data),
                b"S" if reply.status.len() < 10_000 => reply.status.push(String::from_utf8_lossy(rest).into_owned()),
                b"INQUIRE" => {
                    self.give(given.filter(|_| rest.starts_with(b"CIPHERTEXT")).unwrap_or_default())?;
                }
                _ => {}
            }
        }
    }

    fn give(&mut self, data: &[u8]) -> Result<(), AgentError> {
        for chunk in data.chunks(300) {
            let mut line = b"D ".to_vec();
            for byte in chunk {
                match byte {
                    b'%' | b'\r' | b'\n' => line.extend(format!("%{byte:02X}").bytes()),
                    other => line.push(*other),
                }
            }
            self.send(&line)?;
        }
        self.send(b"END")
    }

    fn send(&mut self, line: &[u8]) -> Result<(), AgentError> {
        let mut whole = line.to_vec();
        whole.push(b'\n');
        self.stream.get_mut().write_all(&whole)?;
        Ok(())
    }

    fn line(&mut self) -> Result<Zeroizing<Vec<u8>>, AgentError> {
        let mut line = Zeroizing::new(Vec::with_capacity(MAX_LINE + 2));
        let limit = u64::try_from(MAX_LINE + 2).unwrap_or(u64::MAX);
        self.stream.by_ref().take(limit).read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Err(AgentError::Protocol);
        }
        Ok(line)
    }
}

fn unescape(line: &[u8], out: &mut Zeroizing<Vec<u8>>) {
    if out.capacity() < MAX_LINE {
        // Growing would leave copies of a secret behind.
        let mut larger = Zeroizing::new(Vec::with_capacity(16 * MAX_LINE));
        larger.extend_from_slice(out);
        *out = larger;
    }
    let mut rest = line;
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten();
        let byte = escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_and_broken_ones_kept() {
        let mut out = Zeroizing::new(Vec::new());
        unescape(b"a%25%0Ab%zz%4", &mut out);
        assert_eq!(out.as_slice(), b"a%\nb%zz%4");
    }
}
