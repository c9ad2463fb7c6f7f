//! One connection: the handshake, what rustls says of it, and one HTTP request.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, StreamOwned,
};

use crate::target::Target;
use crate::{late, read, unable, Answer, Fix, Options, Unable, Verdict, LIBRARY};

/// An answer of `/ssl/` has a few KiB.
const LONGEST_ANSWER: usize = 1 << 20;

/// The alerts that refuse what a client offers (RFC 8446 section 6.2).
const ALERTS: [(AlertDescription, &str); 3] = [
    (AlertDescription::ProtocolVersion, "protocol_version"),
    (
        AlertDescription::InsufficientSecurity,
        "insufficient_security",
    ),
    (AlertDescription::HandshakeFailure, "handshake_failure"),
];

pub(crate) fn ask(answer: &mut Answer, url: &str, options: &Options) -> Result<(), Unable> {
    let target = Target::parse(url)?;
    answer.url = format!("https://{}{}", target.place(), target.path);
    let config = match &options.config {
        Some(config) => config.clone(),
        None => config(options.ca.as_deref())?,
    };
    let mut tcp = reach(&target, options)?;
    let name =
        ServerName::try_from(target.bare().trim_end_matches('.').to_owned()).map_err(|error| {
            unable(
                "the URL is not one to check; write https://host[:port][/path]",
                Some(&error),
            )
        })?;
    let mut connection = ClientConnection::new(config, name)
        .map_err(|error| unable("the handshake failed", Some(&error)))?;
    while connection.is_handshaking() {
        if let Err(error) = connection.complete_io(&mut tcp) {
            return not_secured(answer, &error, options);
        }
    }
    answer.own.protocol = connection.protocol_version().map(protocol);
    let suite = connection.negotiated_cipher_suite();
    answer.own.cipher = suite
        .and_then(|suite| suite.suite().as_str())
        .map(|name| name.replace("TLS13_", "TLS_"));
    let message = exchange(StreamOwned::new(connection, tcp), &target, options)?;
    let (head, body) = split(&message)?;
    read::read(answer, &head, body)
}

fn config(ca: Option<&Path>) -> Result<Arc<ClientConfig>, Unable> {
    let mut roots = RootCertStore::empty();
    if let Some(ca) = ca {
        let unreadable =
            |error: &dyn ToString| unable("the file of authorities cannot be read", Some(error));
        for certificate in CertificateDer::pem_file_iter(ca).map_err(|error| unreadable(&error))? {
            let certificate = certificate.map_err(|error| unreadable(&error))?;
            roots.add(certificate).map_err(|error| unreadable(&error))?;
        }
        if roots.is_empty() {
            return Err(unreadable(&format!("no certificate in {}", ca.display())));
        }
    } else {
        // One that cannot be read is not trusted; that is said by the handshake where it matters.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(|error| {
            unable(
                "this runtime refuses by itself, before the server can",
                Some(&error),
            )
        })?;
    Ok(Arc::new(
        config.with_root_certificates(roots).with_no_client_auth(),
    ))
}

fn reach(target: &Target, options: &Options) -> Result<TcpStream, Unable> {
    let unreached =
        |error: &dyn ToString| unable(format!("cannot reach {}", target.place()), Some(error));
    let mut last = unreached(&"the name has no address");
    for address in (target.bare(), target.port)
        .to_socket_addrs()
        .map_err(|error| unreached(&error))?
    {
        match TcpStream::connect_timeout(&address, options.timeout) {
            Ok(tcp) => {
                // The thread that waits for the server ends soon after the time is over.
                let limits = tcp
                    .set_read_timeout(Some(options.timeout))
                    .and(tcp.set_write_timeout(Some(options.timeout)));
                return limits.map(|()| tcp).map_err(|error| unreached(&error));
            }
            Err(error) => last = unreached(&error),
        }
    }
    Err(last)
}

/// rustls's words for a handshake that failed, turned into the answer they stand for.
fn not_secured(answer: &mut Answer, error: &io::Error, options: &Options) -> Result<(), Unable> {
    if is_late(error) {
        return Err(unable(late(options.timeout), None));
    }
    match error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
    {
        Some(rustls::Error::AlertReceived(alert)) => {
            let Some((_, alert)) = ALERTS.iter().find(|(known, _)| known == alert) else {
                return Err(unable("the handshake failed", Some(error)));
            };
            answer.verdict = Verdict::Refused;
            answer.alert = Some(alert);
            answer.error = Some(error.to_string());
            let version = *alert == "protocol_version";
            let refusal = if version {
                "the server needs a later TLS version than this client offers"
            } else {
                "the server accepts no cipher suite or group that this client offers"
            };
            answer.summary = format!("{refusal}; this runtime's library is {LIBRARY}");
            answer.fix = Some(fix(version, &answer.url));
            Ok(())
        }
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            Err(unable(
                "the server's certificate is not trusted; --ca FILE names an authority to trust",
                Some(error),
            ))
        }
        _ => Err(unable("the handshake failed", Some(error))),
    }
}

fn fix(version: bool, url: &str) -> Fix {
    let (summary, snippet) = if version {
        (
            "rustls offers TLSv1.3 and TLSv1.2 unless something holds it to less: search code and features for \
             with_protocol_versions and max_tls_version, and build rustls with feature tls12 where only TLSv1.3 was left out.",
            Some("grep -rnE 'with_protocol_versions|max_tls_version' --include='*.rs' ."),
        )
    } else {
        (
            "Remove cipher_suites and kx_groups that narrow the CryptoProvider, or move to a current rustls with its default \
             provider, aws-lc-rs.",
            None,
        )
    };
    Fix {
        summary: summary.to_owned(),
        snippet: snippet.map(str::to_owned),
        verify: Some(format!("sundown-check {url}")),
    }
}

fn protocol(version: ProtocolVersion) -> String {
    match version {
        ProtocolVersion::TLSv1_2 => "TLSv1.2".to_owned(),
        ProtocolVersion::TLSv1_3 => "TLSv1.3".to_owned(),
        other => format!("{other:?}"),
    }
}

/// HTTP/1.0, so that the answer is never chunked.
fn exchange(
    mut stream: StreamOwned<ClientConnection, TcpStream>,
    target: &Target,
    options: &Options,
) -> Result<Vec<u8>, Unable> {
    let ended = |error: &io::Error| {
        if is_late(error) {
            unable(late(options.timeout), None)
        } else {
            unable(
                "the connection ended before the answer was complete",
                Some(error),
            )
        }
    };
    let request = format!(
        "GET {} HTTP/1.0\r\nHost: {}\r\nAccept: application/json\r\nConnection: close\r\nUser-Agent: sundown-check/{} \
         rustls/0.23\r\n\r\n",
        target.path,
        target.place(),
        env!("CARGO_PKG_VERSION"),
    );
    stream
        .write_all(request.as_bytes())
        .and_then(|()| stream.flush())
        .map_err(|error| ended(&error))?;
    let (mut all, mut part) = (Vec::new(), vec![0; 16 << 10]);
    while !is_complete(&all) {
        let length = stream.read(&mut part).map_err(|error| ended(&error))?;
        if length == 0 {
            break;
        }
        all.extend_from_slice(part.get(..length).unwrap_or_default());
        if all.len() > LONGEST_ANSWER {
            return Err(unable("the answer is longer than 1 MiB", None));
        }
    }
    Ok(all)
}

fn is_late(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

fn end_of_head(all: &[u8]) -> Option<usize> {
    // The head of an answer has a few hundred bytes; beyond this it is read to its end.
    all.get(..all.len().min(64 << 10))?
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
}

fn is_complete(all: &[u8]) -> bool {
    let Some(end) = end_of_head(all) else {
        return false;
    };
    let head = String::from_utf8_lossy(all.get(..end).unwrap_or_default());
    length(&head).is_some_and(|length| all.len() >= (end + 4).saturating_add(length))
}

fn length(head: &str) -> Option<usize> {
    read::field(head, "content-length")?.parse().ok()
}

fn split(all: &[u8]) -> Result<(String, &[u8]), Unable> {
    let ended = || unable("the connection ended before the answer was complete", None);
    let end = end_of_head(all);
    let head = String::from_utf8_lossy(all.get(..end.unwrap_or(all.len())).unwrap_or_default())
        .into_owned();
    let is_http = head.strip_prefix("HTTP/1.").is_some_and(|rest| {
        let bytes = rest.as_bytes();
        bytes.get(1) == Some(&b' ')
            && bytes
                .get(2..5)
                .is_some_and(|code| code.iter().all(u8::is_ascii_digit))
    });
    if !all.is_empty() && !is_http {
        return Err(unable("the answer is not HTTP", None));
    }
    let body = all.get(end.ok_or_else(ended)? + 4..).unwrap_or_default();
    if length(&head).is_some_and(|length| body.len() < length) {
        return Err(ended());
    }
    Ok((head, body))
}
