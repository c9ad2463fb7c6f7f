//! Servers that are no Sundown: what they do is under the test's control, byte for byte, after a real handshake or
//! instead of one.
//!
//! Comes in: a case, and certificates of the edge's local authority. Goes out: a URL; the server ends with the test.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use s2n_tls::config::Config;
use s2n_tls::security::Policy;
use s2n_tls_tokio::TlsAcceptor;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::sleep;

use crate::cases::ServerCase;

/// TLSv1 to TLSv1.3, as the edge serves clients that are not of today.
const POLICY: &str = "CloudFront-TLS-1-0-2014";

/// A running server.
pub(crate) struct Server {
    pub(crate) url: String,
    _runtime: Runtime,
}

impl Server {
    /// Starts it with the certificates in `authority`, a directory of the edge's.
    pub(crate) fn start(case: &ServerCase, authority: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        // The certificate names 127.0.0.1 and no other address of the loopback network.
        let host = if case.hello == "elsewhere" {
            "127.0.0.2"
        } else {
            "127.0.0.1"
        };
        let name = if case.hello == "elsewhere" {
            host
        } else {
            "localhost"
        };
        let address = SocketAddr::new(host.parse().expect("an address"), 0);
        let listener = runtime
            .block_on(TcpListener::bind(address))
            .expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (case, acceptor) = (case.clone(), acceptor(authority));
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // What the client does meanwhile is its own affair; the test looks at what it answers.
                tokio::spawn(serve(stream, case.clone(), acceptor.clone()));
            }
        });
        Self {
            url: format!("https://{name}:{port}"),
            _runtime: runtime,
        }
    }
}

fn acceptor(authority: &Path) -> TlsAcceptor<Config> {
    let read = |name| fs::read(authority.join(name)).expect("a file of the local authority");
    let mut config = Config::builder();
    config
        .set_security_policy(&Policy::from_version(POLICY).expect("a policy"))
        .expect("a policy");
    config
        .load_pem(&read("rsa.pem"), &read("rsa.key"))
        .expect("a certificate");
    TlsAcceptor::new(config.build().expect("a configuration"))
}

async fn serve(
    mut stream: TcpStream,
    case: ServerCase,
    acceptor: TlsAcceptor<Config>,
) -> io::Result<()> {
    match case.hello.as_str() {
        "silence" => hold().await,
        "plain" => {
            let mut hello = [0; 16 << 10];
            let _some = stream.read(&mut hello).await?;
            // A record is bytes, and is written as the characters of the same numbers.
            let bytes: Vec<u8> = case
                .says
                .chars()
                .map(|c| u8::try_from(c).expect("bytes"))
                .collect();
            stream.write_all(&bytes).await?;
            stream.shutdown().await?;
            // Read to the end: a close with unread bytes is a reset.
            tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
            Ok(())
        }
        _ => {
            let mut stream = acceptor.accept(stream).await.map_err(io::Error::other)?;
            let version = stream.as_ref().actual_protocol_version();
            let protocol = version.map_or("?", |version| match version {
                s2n_tls::enums::Version::TLS10 => "TLSv1",
                s2n_tls::enums::Version::TLS11 => "TLSv1.1",
                s2n_tls::enums::Version::TLS12 => "TLSv1.2",
                _ => "TLSv1.3",
            });
            let says = case.says.replace("{protocol}", protocol);
            answer(&mut stream, &case, &says).await
        }
    }
}

/// For longer than any client waits; the runtime ends it.
async fn hold() -> io::Result<()> {
    sleep(Duration::from_secs(3600)).await;
    Ok(())
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    case: &ServerCase,
    says: &str,
) -> io::Result<()> {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    while !request.ends_with(b"\r\n\r\n") {
        let length = stream.read(&mut part).await?;
        if length == 0 {
            return Ok(());
        }
        request.extend_from_slice(&part[..length]);
    }
    stream.write_all(says.as_bytes()).await?;
    stream
        .write_all(case.body.repeat(case.repeat).as_bytes())
        .await?;
    stream.flush().await?;
    match case.then.as_str() {
        "hold" => hold().await,
        "drip" => loop {
            stream.write_all(b" ").await?;
            stream.flush().await?;
            sleep(Duration::from_millis(100)).await;
        },
        "endless" => loop {
            stream.write_all(&[b' '; 16 << 10]).await?;
            stream.flush().await?;
        },
        _ => stream.shutdown().await,
    }
}
