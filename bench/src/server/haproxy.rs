//! HAProxy: one process, one thread, no resumption, no log.

use std::path::Path;

use anyhow::Result;

use super::{Address, Lab, Launch, Server, Worker, after, ask, free_address, write};

/// `no-tls-tickets` leaves TLS 1.3 tickets on in HAProxy 2.6; OpenSSL itself has to be told (SSL_CONF_cmd(3)).
const OPENSSL_CONFIGURATION: &str = "openssl_conf = start
[start]
ssl_conf = modules
[modules]
system_default = defaults
[defaults]
NumTickets = 0
";

/// The other yardstick.
pub(crate) struct Haproxy;

impl Server for Haproxy {
    fn name(&self) -> &'static str {
        "haproxy"
    }

    fn version(&self) -> Result<String> {
        let text = ask(Path::new("haproxy"), "-vv")?;
        let version = after(&text, "HAProxy version ");
        let version = version.split_whitespace().next().unwrap_or(version);
        Ok(format!(
            "{version}, {}",
            after(&text, "Running on OpenSSL version : ")
        ))
    }

    fn prepare(&self, lab: &Lab, dir: &Path) -> Result<Launch> {
        let address = free_address()?;
        let answer = dir.join("answer.json");
        write(&answer, &lab.answer)?;
        let (ecdsa, rsa) = (
            lab.certificates.ecdsa.both.display(),
            lab.certificates.rsa.both.display(),
        );
        let openssl = dir.join("openssl.cnf");
        write(&openssl, OPENSSL_CONFIGURATION)?;
        let config = dir.join("haproxy.cfg");
        write(
            &config,
            &format!(
                "global
    nbthread 1
    maxconn {connections}
    tune.ssl.cachesize 0
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets

defaults
    mode http
    http-reuse always
    timeout connect 5s
    timeout client 120s
    timeout server 30s
    timeout http-request 120s
    timeout http-keep-alive 120s

frontend edge
    bind {address} ssl crt {ecdsa} crt {rsa} alpn h2,http/1.1 backlog 4096
    http-request return status 200 content-type application/json file {answer} if {{ path /ssl/ }}
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto https
    http-request set-header X-Client-TLS '%[ssl_fc_protocol] %[ssl_fc_cipher]'
    default_backend application

backend application
    server application {upstream}
",
                connections = lab.connections,
                answer = answer.display(),
                upstream = lab.upstream,
            ),
        )?;
        Ok(Launch {
            program: "haproxy".into(),
            arguments: vec!["-db".into(), "-f".into(), config.display().to_string()],
            environment: vec![("OPENSSL_CONF", openssl)],
            address: Address::Told(address),
            worker: Worker::Itself,
        })
    }
}
