//! What a connection may cost: every wait ends, and every reply is capped by what was asked for.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::Timeouts;
use super::shape::Shape;

/// What a response may weigh beside its literals.
pub const LINE: u64 = 64 << 10;

/// The limits a connection works under, shared between whoever gives commands and the stream that waits.
#[derive(Debug)]
pub struct Meter {
    /// Bytes that may still be received for the present command.
    budget: AtomicU64,
    shape: Mutex<Shape>,
    times: Mutex<Times>,
    secret: Mutex<Option<Secret>>,
}

#[derive(Debug)]
struct Times {
    whole: Instant,
    command: Instant,
}

/// What is written in place of a marker, once: so that no library ever holds it.
struct Secret {
    marker: &'static str,
    text: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Meter {
    /// A meter whose whole time begins now.
    pub fn start(timeouts: &Timeouts) -> Arc<Meter> {
        let now = Instant::now();
        let times = Times { whole: now + timeouts.whole, command: now + timeouts.command };
        let shape = Mutex::new(Shape::new(LINE));
        Arc::new(Meter { shape, budget: AtomicU64::new(64 << 10), times: Mutex::new(times), secret: Mutex::new(None) })
    }

    /// Begins a command: it may last `limit` and be answered with `bytes` at most.
    pub fn command(&self, limit: Duration, bytes: u64) {
        self.budget.store(bytes, Ordering::Relaxed);
        if let Ok(mut times) = self.times.lock() {
            times.command = Instant::now() + limit;
        }
    }

    /// How long a response to the present command may be beside its literals: [`LINE`] unless numbers of messages are asked
    /// for.
    pub fn line(&self, bytes: u64) {
        if let Ok(mut shape) = self.shape.lock() {
            shape.limit(bytes);
        }
    }

    /// A new connection begins.
    pub fn connected(&self) {
        if let Ok(mut shape) = self.shape.lock() {
            *shape = Shape::new(LINE);
        }
    }

    /// From now on whatever a parser may stumble over in the words of status responses is masked; what they said in full is
    /// kept for [`Meter::last_status`].
    pub fn for_a_parser(&self) {
        if let Ok(mut shape) = self.shape.lock() {
            shape.mask_status();
        }
    }

    /// The last status response to a command, without its tag, as the server sent it.
    pub fn last_status(&self) -> Option<String> {
        self.shape.lock().ok()?.last_status()
    }

    /// What the server said when it hung up on this connection, where it said something.
    pub fn bye(&self) -> Option<String> {
        self.shape.lock().ok()?.bye()
    }

    /// True once no time is left for this run.
    pub fn is_over(&self) -> bool {
        self.times.lock().is_ok_and(|t| Instant::now() >= t.whole)
    }

    /// The next write that contains `marker` carries `text` in its place.
    pub fn hide(&self, marker: &'static str, text: Zeroizing<Vec<u8>>) {
        if let Ok(mut secret) = self.secret.lock() {
            *secret = Some(Secret { marker, text });
        }
    }

    /// How long a single wait may be now.
    pub fn patience(&self, idle: Duration) -> io::Result<Duration> {
        let times = self.times.lock().map_err(|_| io::Error::other("a thread failed"))?;
        let now = Instant::now();
        let left = times.whole.min(times.command).saturating_duration_since(now);
        if left.is_zero() {
            let which =
                if now >= times.whole { "the time for this run is used up" } else { "the command took too long" };
            return Err(io::Error::new(io::ErrorKind::TimedOut, which));
        }
        Ok(left.min(idle))
    }

    /// Counts bytes that came; see [`Meter::for_a_parser`] for what it may change in them.
    pub fn spend(&self, bytes: &mut [u8]) -> io::Result<()> {
        let left = self.budget.load(Ordering::Relaxed);
        let fits = self.shape.lock().is_ok_and(|mut shape| shape.follow(bytes));
        match left.checked_sub(bytes.len() as u64) {
            Some(rest) if fits => {
                self.budget.store(rest, Ordering::Relaxed);
                Ok(())
            }
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the server sent more than was asked for")),
        }
    }

    /// What is to be written instead of `bytes`, where they hold the marker.
    pub fn reveal(&self, bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut slot = self.secret.lock().ok()?;
        let marker = slot.as_ref()?.marker.as_bytes();
        let at = bytes.windows(marker.len()).position(|w| w == marker)?;
        let secret = slot.take()?;
        let mut line = Zeroizing::new(Vec::with_capacity(bytes.len() + secret.text.len()));
        line.extend_from_slice(bytes.get(..at)?);
        line.extend_from_slice(&secret.text);
        line.extend_from_slice(bytes.get(at + marker.len()..)?);
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_capped_and_a_secret_is_written_once() {
        let meter = Meter::start(&Timeouts::default());
        meter.command(Duration::from_secs(1), 10);
        assert!(meter.spend(&mut b"* OK 12345".to_owned()).is_ok());
        assert!(meter.spend(&mut b"6".to_owned()).is_err());
        meter.hide("MARK", Zeroizing::new(b"hunter2".to_vec()));
        assert!(!format!("{meter:?}").contains("hunter2"));
        assert!(meter.reveal(b"a1 NOOP\r\n").is_none());
        assert_eq!(meter.reveal(b"a1 LOGIN u MARK\r\n").unwrap().as_slice(), b"a1 LOGIN u hunter2\r\n");
        assert!(meter.reveal(b"a1 LOGIN u MARK\r\n").is_none());
    }

    #[test]
    fn no_time_left_means_no_wait() {
        let meter = Meter::start(&Timeouts { whole: Duration::ZERO, ..Timeouts::default() });
        assert!(meter.is_over());
        assert!(meter.patience(Duration::from_secs(9)).is_err());
    }
}
