//! An mbox file in memory, and a sink that counts.

use std::io::Write;

use sealpost::wire::{AfterSkip, Direction, Fetched, Limits, Position, Sighting, Sink, SinkError, Skipped, files};

/// Reads the input as a file of mail; every byte that is handed over was in it.
pub fn read(input: &[u8]) {
    let mut sink = Counted::default();
    let mut stream = input;
    let _ = files::read_stream(&mut stream, jiff::Timestamp::UNIX_EPOCH, Direction::In, &Limits::default(), &mut sink);
    assert!(sink.bytes <= input.len(), "a stream gave more than it had");
    let Ok(mut file) = tempfile::Builder::new().suffix(".mbox").tempfile() else { return };
    if file.write_all(input).is_err() {
        return;
    }
    let mut sink = Counted::default();
    let _ = files::read(file.path(), Direction::In, &Limits::default(), &mut sink, &mut |_| ());
    assert!(sink.bytes <= input.len(), "an mbox file gave more than it had");
}

#[derive(Default)]
struct Counted {
    bytes: usize,
}

impl Sink for Counted {
    fn position(&mut self, _mailbox: &str) -> Option<Position> {
        None
    }

    fn has(&mut self, _sighting: &Sighting) -> bool {
        false
    }

    fn batch(&mut self, _mailbox: &str, mail: Vec<Fetched>, _next: Option<Position>) -> Result<(), SinkError> {
        self.bytes += mail.iter().map(|one| one.raw.len()).sum::<usize>();
        Ok(())
    }

    fn skipped(&mut self, _skipped: &Skipped) -> Result<AfterSkip, SinkError> {
        Ok(AfterSkip::TryAgain)
    }
}
