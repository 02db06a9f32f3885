//! Encryption in front of the database. The package's PostgreSQL was built without it, so what encrypts stands before it and speaks
//! the beginning of PostgreSQL's protocol, as a connection pooler does; all that follows is the real server's.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What a client sends that wants to encrypt: its length, and a number in the place of the version.
const ASK: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Somebody who signs certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate, as a client is given it.
    pub file: NamedTempFile,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), certificate.pem()).unwrap();
        Self { issuer: Issuer::new(params, key), file }
    }

    pub fn path(&self) -> &str {
        self.file.path().to_str().unwrap()
    }

    /// What a server needs that is called so, until the end of a year.
    fn server(&self, name: &str, last_year: i32) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(last_year, 12, 31);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap()
    }
}

/// A database server that insists on encryption.
pub struct Front {
    pub port: u16,
    encrypted: Arc<AtomicUsize>,
}

impl Front {
    /// Stands before the server on a port, with a certificate for a name that is good until the end of a year.
    pub async fn start(behind: u16, authority: &Authority, name: &str, last_year: i32) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(authority.server(name, last_year)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let encrypted = Arc::new(AtomicUsize::new(0));
        let count = encrypted.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, acceptor.clone(), behind, count.clone()));
            }
        });
        Self { port, encrypted }
    }

    /// How many connections have been made that were encrypted from end to end.
    pub fn encrypted(&self) -> usize {
        self.encrypted.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, acceptor: TlsAcceptor, behind: u16, count: Arc<AtomicUsize>) {
    let mut first = [0; 8];
    if stream.read_exact(&mut first).await.is_err() || first != ASK {
        // Who does not want to encrypt is not let in.
        return;
    }
    stream.write_all(b"S").await.unwrap();
    // A client that does not like the certificate goes away.
    let Ok(mut inside) = acceptor.accept(stream).await else { return };
    count.fetch_add(1, Ordering::SeqCst);
    let mut server = TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
    let _ = copy_bidirectional(&mut inside, &mut server).await;
}
