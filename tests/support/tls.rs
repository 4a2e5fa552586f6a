//! A certificate authority of our own. A self-signed certificate cannot be root and leaf at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A test authority with its root in a file.
pub struct Ca {
    dir: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate chain and its key, in files.
pub struct Issued {
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl Issued {
    /// A server that shows this certificate.
    pub fn server(&self) -> Arc<ServerConfig> {
        let chain = CertificateDer::pem_file_iter(&self.cert).unwrap().map(|c| c.unwrap()).collect();
        let key = PrivateKeyDer::from_pem_file(&self.key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap())
    }
}

/// A certificate that signed itself.
pub fn self_signed(names: &[&str], folder: &Path) -> Issued {
    let params = CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap();
    let key = KeyPair::generate().unwrap();
    let cert = params.self_signed(&key).unwrap();
    written(&cert.pem(), &key, folder)
}

fn written(cert: &str, key: &KeyPair, folder: &Path) -> Issued {
    let issued = Issued { cert: folder.join("cert.pem"), key: folder.join("key.pem") };
    std::fs::write(&issued.cert, cert).unwrap();
    std::fs::write(&issued.key, key.serialize_pem()).unwrap();
    issued
}

impl Ca {
    pub fn new() -> Ca {
        let dir = super::folder();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "sealpost test CA (INSECURE!)");
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap();
        std::fs::write(dir.path().join("ca.pem"), root.pem()).unwrap();
        Ca { dir, issuer: Issuer::new(params, key) }
    }

    /// The root, as PEM.
    pub fn file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// A server certificate for these names (or addresses), written into `folder`; good until 2040 begins.
    pub fn issue(&self, names: &[&str], folder: &Path) -> Issued {
        let mut params = CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "sealpost test server (INSECURE!)");
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2040, 1, 1);
        self.sign(params, folder)
    }

    /// The same, past its end.
    pub fn issue_expired(&self, names: &[&str], folder: &Path) -> Issued {
        self.issue_between(names, folder, 2020, 2021)
    }

    /// The same, valid from the beginning of one year to that of another.
    pub fn issue_between(&self, names: &[&str], folder: &Path, from: i32, to: i32) -> Issued {
        let mut params = CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap();
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
        self.sign(params, folder)
    }

    fn sign(&self, params: CertificateParams, folder: &Path) -> Issued {
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        written(&cert.pem(), &key, folder)
    }
}
