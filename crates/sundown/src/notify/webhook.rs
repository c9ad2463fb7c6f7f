//! By a webhook: a POST of JSON for each letter, signed, for those who send through a system of their own.

use std::convert::Infallible;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use edge::Clock;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use s2n_tls::config::Config;
use s2n_tls::security::DEFAULT_TLS13;
use s2n_tls_tokio::{TlsConnector, TlsStream};
use serde::Serialize;
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::{Instant, timeout};

use super::carrier::{Carrier, Refusal};
use super::letter::Letter;
use crate::check::reach;
use crate::check::target::Target;

/// Longest wait for a connection, and for the answer after it.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a server may take to hear a goodbye.
const GOODBYE: Duration = Duration::from_secs(1);
/// Fewest bytes of a secret: what is shorter can be tried out.
const SHORTEST: usize = 16;

/// Where letters are posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hook {
    host: String,
    /// As the header names it.
    authority: String,
    port: u16,
    path: String,
    tls: bool,
}

impl FromStr for Hook {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write it like https://crm.example.com/letters".to_owned();
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        if authority.as_str().contains('@') {
            return Err("it holds a user name; the signature says who calls".to_owned());
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let address: Option<IpAddr> = host.parse().ok();
        let local = host == "localhost" || address.is_some_and(|address| address.is_loopback());
        let (tls, port) = match uri.scheme_str() {
            Some("https") if address.is_some() => {
                return Err("name the host; certificates are for names".to_owned());
            }
            Some("https") => (true, 443),
            Some("http") if local => (false, 80),
            Some("http") => {
                return Err("letters hold addresses of people: write https://".to_owned());
            }
            _ => return Err(wrong()),
        };
        Ok(Self {
            host,
            authority: authority.as_str().to_owned(),
            port: authority.port_u16().unwrap_or(port),
            path: uri
                .path_and_query()
                .map_or_else(|| "/".to_owned(), ToString::to_string),
            tls,
        })
    }
}

impl Hook {
    fn target(&self) -> Target {
        Target {
            host: self.host.clone(),
            port: self.port,
            path: None,
        }
    }
}

/// Posts letters, over a connection for each.
pub(super) struct Webhook {
    hook: Hook,
    secret: Vec<u8>,
    tls: Option<TlsConnector>,
    runtime: Runtime,
}

#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    account: &'a str,
    sunset: &'a str,
    occasion: &'a str,
    to: &'a str,
    subject: &'a str,
    text: &'a str,
    html: Option<&'a str>,
    page: Option<&'a str>,
}

impl Webhook {
    pub(super) fn new(hook: &Hook, secret: &Path, ca: Option<&Path>) -> anyhow::Result<Self> {
        let name = secret.display();
        let bytes =
            std::fs::read(secret).with_context(|| format!("{name}: the secret cannot be read"))?;
        // An editor ends a file with a line end, which is no part of the secret.
        let bytes = bytes.trim_ascii_end().to_vec();
        if bytes.len() < SHORTEST {
            bail!(
                "{name}: a secret of {SHORTEST} bytes at least is needed, such as `openssl rand -hex 32` makes"
            );
        }
        let tls = if hook.tls { Some(connector(ca)?) } else { None };
        Ok(Self {
            hook: hook.clone(),
            secret: bytes,
            tls,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
        })
    }

    async fn post(&self, request: Request<Full<Bytes>>) -> Result<StatusCode, Refusal> {
        let temporary = |error: anyhow::Error| Refusal::Temporary(format!("{error:#}"));
        let stream = self.reach().await.map_err(temporary)?;
        match &self.tls {
            None => exchange(stream, request).await,
            Some(connector) => {
                let secured = self.secured(connector, stream).await.map_err(temporary)?;
                exchange(secured, request).await
            }
        }
    }

    async fn reach(&self) -> anyhow::Result<TcpStream> {
        reach::connect(&self.hook.target(), Instant::now() + PATIENCE).await
    }

    async fn secured(
        &self,
        connector: &TlsConnector,
        stream: TcpStream,
    ) -> anyhow::Result<TlsStream<TcpStream>> {
        let host = &self.hook.host;
        timeout(PATIENCE, connector.connect(host, stream))
            .await
            .context("no TLS handshake in time")?
            .map_err(|error| anyhow!("TLS with {host}: {}", error.message()))
    }
}

fn connector(ca: Option<&Path>) -> anyhow::Result<TlsConnector> {
    let mut config = Config::builder();
    config.set_security_policy(&DEFAULT_TLS13)?;
    // It hides from a peer what failed, for half a minute each time. What fails here is a certificate.
    config.set_max_blinding_delay(0)?;
    if let Some(file) = ca {
        let name = file.display();
        let pem = std::fs::read(file)
            .with_context(|| format!("{name}: the certificates cannot be read"))?;
        config
            .trust_pem(&pem)
            .with_context(|| format!("{name}: no certificate in PEM form"))?;
    }
    Ok(TlsConnector::new(config.build()?))
}

/// Once the request is on its way, whatever happens short of an answer leaves it open whether it arrived.
async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<StatusCode, Refusal>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let unknown = |error: hyper::Error| Refusal::Unknown(format!("no valid answer: {error}"));
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(unknown)?;
    let answer = async { sender.send_request(request).await.map_err(unknown) };
    // The connection may end before the answer has been taken from it; only the answer ends the exchange.
    let drive = async {
        connection.await.ok();
        std::future::pending::<Infallible>().await
    };
    let both = async {
        tokio::select! {
            answer = answer => answer,
            never = drive => match never {},
        }
    };
    match timeout(PATIENCE, both).await {
        Ok(answer) => Ok(answer?.status()),
        Err(_) => Err(Refusal::Unknown("no answer in time".to_owned())),
    }
}

/// `v1=` and the hex of HMAC-SHA256 over the second, a full stop and the body.
fn signature(secret: &[u8], second: i64, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(format!("{second}.").as_bytes());
    mac.update(body);
    let tag = mac.finalize().into_bytes();
    let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!("v1={hex}"))
}

impl Carrier for Webhook {
    /// Without the query, where keys may stand.
    fn recipient(&self, letter: &Letter) -> String {
        let path = self.hook.path.split('?').next().unwrap_or_default();
        format!("{} by {}{path}", letter.to, self.hook.authority)
    }

    fn message_id(&self, letter: &Letter) -> String {
        letter.id.clone()
    }

    /// A server that is not who it should be is so for every letter. One that is reached in the clear is not asked first.
    fn ready(&self) -> anyhow::Result<()> {
        let Some(connector) = &self.tls else {
            return Ok(());
        };
        self.runtime.block_on(async {
            let stream = self.reach().await?;
            let mut secured = self.secured(connector, stream).await?;
            // It says goodbye; whether that is heard does not matter.
            timeout(GOODBYE, secured.shutdown()).await.ok();
            Ok(())
        })
    }

    fn carry(&self, letter: &Letter) -> Result<(), Refusal> {
        let permanent = |error: &dyn std::fmt::Display| Refusal::Permanent(error.to_string());
        let body = serde_json::to_vec(&Body {
            id: &letter.id,
            account: &letter.account,
            sunset: &letter.sunset,
            occasion: &letter.occasion,
            to: letter.to.as_ref(),
            subject: &letter.subject,
            text: &letter.text,
            html: letter.html.as_deref(),
            page: letter.page.as_deref(),
        })
        .map_err(|error| permanent(&error))?;
        let second = Clock::default().now().as_second();
        let signature = signature(&self.secret, second, &body)
            .ok_or_else(|| permanent(&"the secret cannot sign"))?;
        let request = Request::post(&self.hook.path)
            .header(HOST, &self.hook.authority)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("sundown/", env!("CARGO_PKG_VERSION")))
            .header("Sundown-Timestamp", second)
            .header("Sundown-Signature", signature)
            .header(CONNECTION, "close")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| permanent(&error))?;
        let status = self.runtime.block_on(self.post(request))?;
        let said = format!("{} answered {status}", self.hook.authority);
        if status.is_success() {
            Ok(())
        } else if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            Err(Refusal::Temporary(said))
        } else {
            Err(Refusal::Permanent(said))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_go_in_the_clear_to_this_machine_alone() {
        let hook = |text: &str| text.parse::<Hook>();
        let there = hook("https://crm.example.com/letters?x=1").unwrap();
        assert_eq!(
            (there.port, there.path.as_str(), there.tls),
            (443, "/letters?x=1", true)
        );
        assert!(!hook("http://127.0.0.1:8080").unwrap().tls);
        assert!(
            hook("http://crm.example.com/")
                .unwrap_err()
                .contains("https://")
        );
        assert!(hook("https://192.0.2.1/").unwrap_err().contains("name"));
        assert!(hook("crm").unwrap_err().contains("https://crm.example.com"));
    }

    #[test]
    fn the_signature_is_hmac_sha256() {
        // printf '1700000000.{}' | openssl dgst -sha256 -hmac 0123456789abcdef
        let expected = "v1=e4f8e2ecae2295b2ddb2f0b5584c8275e226c0ebe9b3b819e70156bb67122e3e";
        let made = signature(b"0123456789abcdef", 1_700_000_000, b"{}");
        assert_eq!(made.as_deref(), Some(expected));
    }
}
