//! What is measured, and how each measurement is made.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::ValueEnum;
use rustls::{NamedGroup, ProtocolVersion};
use tokio::io::AsyncReadExt as _;
use tokio::time::{sleep, timeout};

use crate::client::{Client, Profile, Sources, ask};
use crate::h2load;
use crate::hello10;
use crate::load::{Cost, drive};
use crate::process::resident;
use crate::refusal::be_refused;
use crate::server::{Lab, Running, Server};

/// Buffers that a server gives back after a pause are gone by then.
const SETTLE: Duration = Duration::from_secs(2);

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Operation {
    /// Full TLS 1.3 handshake, one answer, close
    Tls13,
    /// Full TLS 1.2 handshake, one answer, close
    Tls12,
    /// The same with the RSA-2048 certificate
    Tls12Rsa,
    /// A TLS 1.0 hello refused with an alert that arrives
    Refuse,
    /// Proxied HTTP/1.1 GET of 1 KiB on a kept connection
    Proxy,
    /// Proxied HTTP/2 GET of 1 KiB, four at once on each connection
    ProxyH2,
    /// Memory of a connection after its handshake
    Idle,
    /// Memory of a connection after its handshake and one answer
    IdleGet,
}

/// How hard to push.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Length of one measurement.
    pub(crate) length: Duration,
    /// Connections at once under load.
    pub(crate) connections: usize,
    /// Connections held open to measure memory.
    pub(crate) idle: usize,
}

/// One measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// In the operation's unit.
    pub(crate) value: f64,
    /// The load behind it, where there was one.
    pub(crate) load: Option<Cost>,
}

impl Operation {
    /// Its row's title.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Tls13 => "TLS 1.3 handshake + /ssl/ answer",
            Self::Tls12 => "TLS 1.2 handshake + /ssl/ answer",
            Self::Tls12Rsa => "same, RSA-2048 certificate",
            Self::Refuse => "TLS 1.0 hello refused with an alert",
            Self::Proxy => "proxied h1 GET, 1 KiB, kept alive",
            Self::ProxyH2 => "proxied h2 GET, 1 KiB, 4 at once",
            Self::Idle => "idle connection after the handshake",
            Self::IdleGet => "idle connection after one GET",
        }
    }

    /// The unit of its values.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Idle | Self::IdleGet => "KiB",
            _ => "µs",
        }
    }

    /// The most Sundown should need, as a multiple of nginx.
    pub(crate) fn goal(self) -> Option<f64> {
        match self {
            Self::Tls13 | Self::Tls12 | Self::Tls12Rsa => Some(0.6),
            Self::Refuse => Some(0.5),
            Self::Idle | Self::IdleGet => Some(1.5),
            Self::Proxy => Some(1.2),
            Self::ProxyH2 => None,
        }
    }

    /// The kind of client it uses, if that speaks modern TLS.
    pub(crate) fn profile(self) -> Option<Profile> {
        match self {
            Self::Tls13 | Self::Proxy | Self::ProxyH2 | Self::Idle | Self::IdleGet => {
                Some(Profile::Tls13)
            }
            Self::Tls12 => Some(Profile::Tls12),
            Self::Tls12Rsa => Some(Profile::Tls12Rsa),
            Self::Refuse => None,
        }
    }

    /// Whether it needs a server that nobody used before: memory once taken is rarely given back.
    pub(crate) fn wants_fresh_server(self) -> bool {
        matches!(self, Self::Idle | Self::IdleGet)
    }

    /// Measures it once on `server`.
    pub(crate) async fn measure(self, server: &Running, effort: Effort) -> Result<Sample> {
        let (pid, address) = (server.pid, server.address);
        let client = |profile| Client::new(address, profile, None);
        let cost = match self {
            Self::Tls13 => answer_once(pid, client(Profile::Tls13)?, effort).await?,
            Self::Tls12 => answer_once(pid, client(Profile::Tls12)?, effort).await?,
            Self::Tls12Rsa => answer_once(pid, client(Profile::Tls12Rsa)?, effort).await?,
            Self::Refuse => {
                let sources = Sources::default();
                drive(
                    pid,
                    vec![(); effort.connections],
                    effort.length,
                    async move |(): &mut ()| be_refused(&sources, address, hello10::BYTES).await,
                )
                .await?
            }
            Self::Proxy => {
                let client = client(Profile::Tls13)?;
                let mut streams = Vec::new();
                for _ in 0..effort.connections {
                    streams.push(client.connect().await?);
                }
                drive(pid, streams, effort.length, async |stream: &mut _| {
                    let answer = ask(stream, "/", "keep-alive").await?;
                    ensure!(
                        answer.body.len() == 1024,
                        "{} bytes instead of 1024",
                        answer.body.len()
                    );
                    Ok(())
                })
                .await?
            }
            Self::ProxyH2 => h2load::drive(pid, address, effort.connections, effort.length).await?,
            Self::Idle => return memory(pid, &client(Profile::Tls13)?, effort, false).await,
            Self::IdleGet => return memory(pid, &client(Profile::Tls13)?, effort, true).await,
        };
        Ok(Sample {
            value: cost.microseconds,
            load: Some(cost),
        })
    }
}

async fn answer_once(pid: u32, client: Client, effort: Effort) -> Result<Cost> {
    let client = Rc::new(client);
    drive(
        pid,
        vec![(); effort.connections],
        effort.length,
        async move |(): &mut ()| client.ask_once("/ssl/").await.map(drop),
    )
    .await
}

/// Growth of the server's memory per connection, KiB.
async fn memory(pid: u32, client: &Client, effort: Effort, with_get: bool) -> Result<Sample> {
    // What is set up once, at the first connection, is no connection's cost.
    for _ in 0..4 {
        client.ask_once("/ssl/").await?;
    }
    sleep(SETTLE).await;
    let before = resident(pid)?;
    let mut streams = Vec::with_capacity(effort.idle);
    for _ in 0..effort.idle {
        let mut stream = client.connect().await?;
        if with_get {
            ask(&mut stream, "/ssl/", "keep-alive").await?;
        }
        streams.push(stream);
    }
    sleep(SETTLE).await;
    let after = resident(pid)?;
    for stream in &mut streams {
        let closed = timeout(Duration::ZERO, stream.read_u8()).await.is_ok();
        ensure!(
            !closed,
            "the server closed a connection that was to stay idle"
        );
    }
    #[expect(clippy::cast_precision_loss, reason = "both stay far below 2^52")]
    let value = after.saturating_sub(before) as f64 / 1024.0 / effort.idle as f64;
    Ok(Sample { value, load: None })
}

/// What one client of each kind got from one server.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Negotiated {
    /// Name of the server.
    pub(crate) server: &'static str,
    /// As OpenSSL spells it.
    pub(crate) version: &'static str,
    /// IANA name.
    pub(crate) suite: String,
    /// IANA name.
    pub(crate) group: &'static str,
    /// Tickets sent after a TLS 1.3 handshake.
    pub(crate) tickets: u32,
    /// Head and body of the `/ssl/` answer, bytes.
    pub(crate) answer: usize,
}

impl Negotiated {
    /// Connects once, verifying all there is to verify, and asks for `/ssl/`; also gives the body.
    pub(crate) async fn with(
        server: &dyn Server,
        running: &Running,
        lab: &Lab,
        profile: Profile,
    ) -> Result<(Self, Vec<u8>)> {
        let client = Client::new(running.address, profile, Some(&lab.certificates.roots))?;
        let mut stream = client.connect().await?;
        let answer = ask(&mut stream, "/ssl/", "close").await?;
        let (_, connection) = stream.get_ref();
        let facts = Self {
            server: server.name(),
            version: match connection.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
                Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
                _ => "unknown",
            },
            suite: connection
                .negotiated_cipher_suite()
                .map(|suite| format!("{:?}", suite.suite()).replace("TLS13_", "TLS_"))
                .unwrap_or_default(),
            group: match connection
                .negotiated_key_exchange_group()
                .map(|group| group.name())
            {
                Some(NamedGroup::X25519) => "x25519",
                Some(NamedGroup::secp256r1) => "secp256r1",
                _ => "unknown",
            },
            tickets: connection.tls13_tickets_received(),
            answer: answer.size,
        };
        Ok((facts, answer.body))
    }
}
