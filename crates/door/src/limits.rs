//! `[limits]`.

use std::time::Duration;

use accounts::duration;
use bytesize::ByteSize;
use serde::Deserialize;

/// `[limits]`: what one client, or all together, can make the edge hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Open connections in all; more are closed unread. Default 20000.
    pub connections: usize,
    /// Open connections from one address (from one /64 for IPv6). Default 1000.
    pub connections_per_address: usize,
    /// Time from accept to the last byte of the hello. Default `"10s"`.
    #[serde(deserialize_with = "duration")]
    pub hello: Duration,
    /// Time from the hello to the end of the handshake. Default `"10s"`.
    #[serde(deserialize_with = "duration")]
    pub handshake: Duration,
    /// Time to send a request's head, the wait before it on an open connection included. Default `"60s"`.
    #[serde(deserialize_with = "duration")]
    pub idle: Duration,
    /// Time a body may stand still, in either direction. Default `"60s"`.
    #[serde(deserialize_with = "duration")]
    pub stall: Duration,
    /// Time to connect to the upstream, the TLS handshake with it included. Default `"5s"`.
    #[serde(deserialize_with = "duration")]
    pub upstream_connect: Duration,
    /// Time from the end of a request to the upstream's answer. Default `"60s"`.
    #[serde(deserialize_with = "duration")]
    pub upstream_answer: Duration,
    /// The longest request head. Default `"64 KiB"`.
    pub head: ByteSize,
    /// The longest request body. Default `"256 MiB"`.
    pub body: ByteSize,
    /// Time that a stop waits for requests under way. Default `"30s"`.
    #[serde(deserialize_with = "duration")]
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            connections_per_address: 1000,
            hello: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            stall: Duration::from_secs(60),
            upstream_connect: Duration::from_secs(5),
            upstream_answer: Duration::from_secs(60),
            head: ByteSize::kib(64),
            body: ByteSize::mib(256),
            drain: Duration::from_secs(30),
        }
    }
}
