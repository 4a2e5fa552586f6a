//! One connection to a server: TLS with certificate checks always on, under a [`Meter`].

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustls::{AlertDescription, CertificateError, ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use zeroize::Zeroize;

use super::meter::Meter;
use super::{CertificateFlaw, Timeouts, WireError, certificate};

/// How a connection is made secure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// TLS from the first byte (RFC 8314).
    #[default]
    Implicit,
    /// A plain beginning that must become TLS before anything of ours is said.
    StartTls,
    /// None: for loopback hosts only.
    None,
}

/// A server's address and how to reach it safely.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// A name or an IP address; the certificate must be for it.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// How the connection is made secure.
    pub tls: Tls,
    /// PEM certificates trusted beside the system's own.
    pub ca_file: Option<PathBuf>,
}

impl Endpoint {
    /// `host:port`, for messages.
    pub fn label(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Refuses plain text to anything but this machine, before a packet is sent.
    pub fn check(&self) -> Result<(), WireError> {
        if self.tls == Tls::None && !is_loopback_name(&self.host) {
            return Err(WireError::Unsafe(format!(
                "tls = \"none\" is for loopback hosts only, not for {}: use \"implicit\"",
                crate::safe::short(&self.host, 80)
            )));
        }
        Ok(())
    }

    /// Opens the connection; with [`Tls::Implicit`] the handshake is done when this returns.
    pub fn connect(&self, timeouts: &Timeouts, meter: &Arc<Meter>) -> Result<Stream, WireError> {
        self.check()?;
        // The trust roots are read first: a wrong file is told before anyone is bothered.
        let config = if self.tls == Tls::None { None } else { Some(client_config(self.ca_file.as_deref())?) };
        let tcp = self.dial(timeouts)?;
        meter.connected();
        let socket = Socket { tcp, idle: timeouts.idle, meter: Arc::clone(meter) };
        let mut stream = Stream { inner: Some(Inner::Plain(socket)), meter: Arc::clone(meter), config };
        if self.tls == Tls::Implicit {
            stream.secure(self)?;
        }
        Ok(stream)
    }

    fn dial(&self, timeouts: &Timeouts) -> Result<TcpStream, WireError> {
        let failed = |reason: String| WireError::Connect { host: self.label(), reason };
        let mut last = "the name has no address".to_owned();
        for address in resolve(&self.host, self.port, timeouts.connect).map_err(failed)?.iter().take(8) {
            if self.tls == Tls::None && !address.ip().is_loopback() {
                return Err(WireError::Unsafe(format!(
                    "{} resolves to {}, which is not this machine: plain text is not spoken to it",
                    self.host,
                    address.ip()
                )));
            }
            match TcpStream::connect_timeout(address, timeouts.connect) {
                Ok(tcp) => {
                    let _ = tcp.set_nodelay(true);
                    return Ok(tcp);
                }
                Err(e) => last = e.to_string(),
            }
        }
        Err(failed(last))
    }
}

fn is_loopback_name(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The system's resolver knows no time limit, so it works on a thread that may be left behind.
fn resolve(host: &str, port: u16, limit: Duration) -> Result<Vec<SocketAddr>, String> {
    if let Ok(ip) = host.parse::<std::net::IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let (give, take) = mpsc::channel();
    let host = host.to_owned();
    std::thread::spawn(move || {
        let found = (host.as_str(), port).to_socket_addrs().map(|all| all.collect::<Vec<_>>());
        let _ = give.send(found.map_err(|e| e.to_string()));
    });
    take.recv_timeout(limit).unwrap_or_else(|_| Err("the name was not resolved in time".to_owned()))
}

fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, WireError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(system_roots().iter().cloned());
    if let Some(path) = ca_file {
        let unreadable = |reason: String| WireError::Unreadable { path: path.to_owned(), reason };
        let before = roots.len();
        let pem = std::fs::read(path).map_err(|e| unreadable(e.to_string()))?;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|e| unreadable(format!("not a PEM certificate: {e}")))?;
            roots.add(certificate).map_err(|e| unreadable(format!("not usable as a trust root: {e}")))?;
        }
        if roots.len() == before {
            return Err(unreadable("it holds no PEM certificate".to_owned()));
        }
    }
    if roots.is_empty() {
        return Err(WireError::Unsafe(
            "no trust roots: install the system's CA certificates, or set ca_file".to_owned(),
        ));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| WireError::Unsafe(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn system_roots() -> &'static [CertificateDer<'static>] {
    static ROOTS: OnceLock<Vec<CertificateDer<'static>>> = OnceLock::new();
    ROOTS.get_or_init(|| rustls_native_certs::load_native_certs().certs)
}

/// A TCP connection below TLS. The waiting happens here, because one read of the TLS layer may need many of these.
struct Socket {
    tcp: TcpStream,
    idle: Duration,
    meter: Arc<Meter>,
}

impl Read for Socket {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.tcp.set_read_timeout(Some(self.meter.patience(self.idle)?))?;
        self.tcp.read(buf).map_err(plain_timeout)
    }
}

impl Write for Socket {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.tcp.set_write_timeout(Some(self.meter.patience(self.idle)?))?;
        self.tcp.write(buf).map_err(plain_timeout)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

/// A socket time-out shows as `WouldBlock` on Unix, with words that help nobody.
fn plain_timeout(e: io::Error) -> io::Error {
    match e.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            io::Error::new(io::ErrorKind::TimedOut, "nothing came in time")
        }
        _ => e,
    }
}

enum Inner {
    Plain(Socket),
    Secure(Box<StreamOwned<ClientConnection, Socket>>),
}

/// The connection as the protocols see it.
pub struct Stream {
    inner: Option<Inner>,
    meter: Arc<Meter>,
    config: Option<Arc<ClientConfig>>,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self.inner, Some(Inner::Secure(_))) { "Stream(TLS)" } else { "Stream(plain)" })
    }
}

impl Stream {
    /// Turns a plain connection into TLS. Whatever a meddler sent ahead in plain text becomes part of the handshake and
    /// breaks it: [`Stream::line`] reads no byte too many.
    pub fn secure(&mut self, endpoint: &Endpoint) -> Result<(), WireError> {
        let failed = |reason: String| WireError::Tls { host: endpoint.label(), reason };
        let name = ServerName::try_from(endpoint.host.clone()).map_err(|e| failed(e.to_string()))?;
        let (Some(config), Some(Inner::Plain(socket))) = (self.config.clone(), self.inner.take()) else {
            return Err(failed("the connection cannot be secured twice".to_owned()));
        };
        let connection = ClientConnection::new(config, name).map_err(|e| failed(e.to_string()))?;
        let mut tls = StreamOwned::new(connection, socket);
        while tls.conn.is_handshaking() {
            tls.conn.complete_io(&mut tls.sock).map_err(|e| handshake_error(endpoint, &e))?;
        }
        self.inner = Some(Inner::Secure(Box::new(tls)));
        Ok(())
    }

    /// When the server's certificate ends; `None` without TLS.
    pub fn certificate_ends(&self) -> Option<jiff::Timestamp> {
        let Some(Inner::Secure(tls)) = &self.inner else { return None };
        tls.conn.peer_certificates()?.first().and_then(|first| certificate::not_after(first))
    }

    /// One line, byte by byte, without its end: for the few lines before a protocol's own reader takes over.
    pub fn line(&mut self, limit: usize) -> io::Result<String> {
        let mut line = Vec::new();
        let mut byte = [0u8; 1];
        loop {
            if self.read(&mut byte)? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"));
            }
            if byte == *b"\n" {
                break;
            }
            if line.len() >= limit {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the server sent a line without end"));
            }
            line.extend_from_slice(&byte);
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    }
}

/// A handshake that failed, in words for a person. Names out of certificates are a stranger's text.
fn handshake_error(endpoint: &Endpoint, e: &io::Error) -> WireError {
    let host = endpoint.label();
    let reason = match e.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(why)) => {
            let (flaw, reason) = certificate_words(endpoint, why);
            return WireError::Certificate { host, reason, flaw };
        }
        Some(rustls::Error::InvalidMessage(_)) if endpoint.tls == Tls::StartTls => {
            "after STARTTLS came something else than TLS: the server is broken, or someone meddles with the connection"
                .to_owned()
        }
        Some(rustls::Error::InvalidMessage(_)) => {
            "the server does not speak TLS on this port (some ports want tls = \"starttls\")".to_owned()
        }
        Some(rustls::Error::AlertReceived(AlertDescription::ProtocolVersion) | rustls::Error::PeerIncompatible(_)) => {
            "the server speaks no TLS that is safe to use (1.2 or 1.3)".to_owned()
        }
        _ => crate::safe::short(&e.to_string(), 300),
    };
    WireError::Tls { host, reason }
}

fn certificate_words(endpoint: &Endpoint, why: &CertificateError) -> (CertificateFlaw, String) {
    match why {
        CertificateError::ExpiredContext { not_after, .. } => {
            (CertificateFlaw::Expired, format!("it expired on {}", day(*not_after)))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            (CertificateFlaw::NotYetValid, format!("it is not valid before {}", day(*not_before)))
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<&str> = presented.iter().take(4).map(|n| n.split('"').nth(1).unwrap_or(n)).collect();
            let names = if names.is_empty() { "no name at all".to_owned() } else { names.join(", ") };
            let words = format!("it is for {}, not for {}", crate::safe::short(&names, 200), endpoint.host);
            (CertificateFlaw::OtherName, words)
        }
        CertificateError::UnknownIssuer => {
            (CertificateFlaw::UnknownIssuer, "nobody that this machine trusts has issued it".to_owned())
        }
        // An authority of the same name with another key: a root that was made anew, or a forgery.
        CertificateError::BadSignature => {
            let words = "it names an authority that this machine trusts, and was not signed by it".to_owned();
            (CertificateFlaw::UnknownIssuer, words)
        }
        other => (CertificateFlaw::Other, crate::safe::short(&other.to_string(), 300)),
    }
}

/// The day, in UTC; nothing where the number is none.
fn day(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).ok().and_then(|s| Timestamp::from_second(s).ok());
    seconds.map_or_else(|| "an impossible day".to_owned(), |t| t.to_zoned(TimeZone::UTC).date().to_string())
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the connection is closed")
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        // Also between reads, so that bytes already here cannot be chewed on for ever.
        self.meter.patience(Duration::from_secs(1))?;
        let n = match self.inner.as_mut().ok_or_else(closed)? {
            Inner::Plain(socket) => socket.read(buf)?,
            Inner::Secure(tls) => tls.read(buf)?,
        };
        self.meter.spend(buf.get_mut(..n).unwrap_or_default())?;
        Ok(n)
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut revealed = self.meter.reveal(buf);
        let bytes = revealed.as_ref().map_or(buf, |line| line.as_slice());
        let inner = self.inner.as_mut().ok_or_else(closed)?;
        let done = match (inner, revealed.is_some()) {
            (Inner::Plain(socket), true) => socket.write_all(bytes).map(|()| buf.len()),
            (Inner::Secure(tls), true) => tls.write_all(bytes).map(|()| buf.len()),
            (Inner::Plain(socket), false) => socket.write(bytes),
            (Inner::Secure(tls), false) => tls.write(bytes),
        };
        if let Some(line) = revealed.as_mut() {
            line.zeroize();
        }
        done
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.inner.as_mut().ok_or_else(closed)? {
            Inner::Plain(socket) => socket.flush(),
            Inner::Secure(tls) => tls.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(host: &str, tls: Tls) -> Endpoint {
        Endpoint { host: host.into(), port: 143, tls, ca_file: None }
    }

    #[test]
    fn plain_text_is_for_this_machine_only() {
        for host in ["localhost", "127.0.0.1", "127.9.9.9", "::1"] {
            assert!(endpoint(host, Tls::None).check().is_ok(), "{host}");
        }
        for host in ["mail.example.org", "192.0.2.7", "localhost.example.org", "127.0.0.1.example.net", ""] {
            assert!(endpoint(host, Tls::None).check().is_err(), "{host}");
            assert!(endpoint(host, Tls::Implicit).check().is_ok(), "{host}");
        }
    }
}
