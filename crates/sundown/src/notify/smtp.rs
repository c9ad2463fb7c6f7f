//! By a mail server.

use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, bail};
use hyper::Uri;
use lettre::message::Mailbox;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{Certificate, SmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;

use super::carrier::{Carrier, Refusal};
use super::letter::Letter;

/// Longest wait for a server, at each step (RFC 5321 section 4.5.3.2 allows it minutes).
const PATIENCE: Duration = Duration::from_secs(120);
/// Where the password is, where no file holds it.
const PASSWORD: &str = "SUNDOWN_SMTP_PASSWORD";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tls {
    Never,
    /// After STARTTLS (RFC 3207), and nothing is sent without it.
    Required,
    /// From the first byte (RFC 8314).
    Wrapped,
}

/// A mail server, as its address says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    host: String,
    port: u16,
    tls: Tls,
}

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            "write it like smtp://mail.example.com:25, smtps://mail.example.com or \
             smtp://mail.example.com?tls=required"
                .to_owned()
        };
        // An address with a question mark right behind the host is usual, and no URI of HTTP.
        let (place, query) = match text.split_once('?') {
            Some((place, query)) => (place, Some(query)),
            None => (text, None),
        };
        let uri: Uri = place.trim_end_matches('/').parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        if authority.as_str().contains('@') {
            return Err(
                "no password on a command line, where others can read it: use --user with --password-file"
                    .to_owned(),
            );
        }
        if !matches!(uri.path(), "" | "/") {
            return Err(wrong());
        }
        // Ports: RFC 5321 section 4.5.4.2, RFC 6409 section 3.1, RFC 8314 section 7.3.
        let (tls, port) = match (uri.scheme_str(), query) {
            (Some("smtp"), None) => (Tls::Never, 25),
            (Some("smtp"), Some("tls=required")) => (Tls::Required, 587),
            (Some("smtps"), None) => (Tls::Wrapped, 465),
            _ => return Err(wrong()),
        };
        Ok(Self {
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(port),
            tls,
        })
    }
}

impl Server {
    fn on_this_machine(&self) -> bool {
        let address: Option<IpAddr> = self.host.parse().ok();
        self.host == "localhost" || address.is_some_and(|address| address.is_loopback())
    }
}

/// Sends by a server, over a connection for each letter.
pub(super) struct Smtp {
    server: Server,
    from: Mailbox,
    hello: ClientId,
    tls: Option<TlsParameters>,
    credentials: Option<Credentials>,
}

impl Smtp {
    pub(super) fn new(
        server: &Server,
        from: Mailbox,
        user: Option<&str>,
        password_file: Option<&Path>,
        ca: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let credentials = match user {
            Some(_) if server.tls == Tls::Never && !server.on_this_machine() => bail!(
                "a password is not sent to {} in the clear; write smtps://{0} or smtp://{0}?tls=required",
                server.host
            ),
            Some(user) => Some(Credentials::new(user.to_owned(), password(password_file)?)),
            None => None,
        };
        let tls = match server.tls {
            Tls::Never => None,
            Tls::Required | Tls::Wrapped => {
                let mut tls = TlsParameters::builder(server.host.clone());
                for certificate in certificates(ca)? {
                    tls = tls.add_root_certificate(certificate);
                }
                Some(tls.build_rustls().context("TLS cannot be set up")?)
            }
        };
        // Servers look at the name of who greets them; the sender's domain is at least a real one.
        let hello = ClientId::Domain(from.email.domain().to_owned());
        Ok(Self {
            server: server.clone(),
            from,
            hello,
            tls,
            credentials,
        })
    }

    fn connect(&self) -> Result<SmtpConnection, Error> {
        let wrapped = match self.server.tls {
            Tls::Wrapped => self.tls.as_ref(),
            Tls::Never | Tls::Required => None,
        };
        let mut connection = SmtpConnection::connect(
            (self.server.host.as_str(), self.server.port),
            Some(PATIENCE),
            &self.hello,
            wrapped,
            None,
        )?;
        connection.set_timeout(Some(PATIENCE)).ok();
        if let (Tls::Required, Some(tls)) = (self.server.tls, &self.tls) {
            connection.starttls(tls, &self.hello)?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials)?;
        }
        Ok(connection)
    }
}

impl Carrier for Smtp {
    fn recipient(&self, letter: &Letter) -> String {
        letter.to.to_string()
    }

    fn message_id(&self, letter: &Letter) -> String {
        letter.message_id(Some(&self.from))
    }

    fn ready(&self) -> anyhow::Result<()> {
        match self.connect() {
            Ok(mut connection) => {
                connection.quit().ok();
                Ok(())
            }
            Err(error) => bail!(
                "the mail server {}:{} cannot be used: {}",
                self.server.host,
                self.server.port,
                words(&error)
            ),
        }
    }

    fn carry(&self, letter: &Letter) -> Result<(), Refusal> {
        let mail = letter
            .mail(&self.from)
            .map_err(|error| Refusal::Permanent(format!("{error:#}")))?;
        // Nothing of a letter is sent before there is a connection.
        let mut connection = self.connect().map_err(|error| {
            if error.is_permanent() || error.is_client() {
                Refusal::Permanent(words(&error))
            } else {
                Refusal::Temporary(words(&error))
            }
        })?;
        let sent = connection.send(mail.envelope(), &mail.formatted());
        // Its answer to the letter has been had; that it says goodbye as well is not needed.
        connection.quit().ok();
        match sent {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() || error.is_client() => {
                Err(Refusal::Permanent(words(&error)))
            }
            Err(error) if error.is_transient() => Err(Refusal::Temporary(words(&error))),
            Err(error) => Err(Refusal::Unknown(words(&error))),
        }
    }
}

/// An error and its cause: what the server said.
fn words(error: &Error) -> String {
    let text = match std::error::Error::source(error) {
        Some(cause) if !error.to_string().contains(&cause.to_string()) => {
            format!("{error}: {cause}")
        }
        _ => error.to_string(),
    };
    report::printable(text.trim()).into_owned()
}

fn password(file: Option<&Path>) -> anyhow::Result<String> {
    match file {
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("{}: the password cannot be read", file.display()))?;
            Ok(text.trim_end_matches(['\r', '\n']).to_owned())
        }
        None => std::env::var(PASSWORD).with_context(|| {
            format!("--user needs a password: name a file with --password-file, or set {PASSWORD}")
        }),
    }
}

fn certificates(file: Option<&Path>) -> anyhow::Result<Vec<Certificate>> {
    let Some(file) = file else {
        return Ok(Vec::new());
    };
    let name = file.display();
    let pem =
        std::fs::read(file).with_context(|| format!("{name}: the certificates cannot be read"))?;
    let certificate = Certificate::from_pem(&pem)
        .with_context(|| format!("{name}: no certificate in PEM form"))?;
    Ok(vec![certificate])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_port_and_tls() {
        let server = |text: &str| text.parse::<Server>().map(|s| (s.host, s.port, s.tls));
        let host = || "mail.example.com".to_owned();
        assert_eq!(
            server("smtp://mail.example.com"),
            Ok((host(), 25, Tls::Never))
        );
        assert_eq!(
            server("smtp://mail.example.com?tls=required"),
            Ok((host(), 587, Tls::Required))
        );
        assert_eq!(
            server("smtps://mail.example.com:4465/"),
            Ok((host(), 4465, Tls::Wrapped))
        );
        assert_eq!(
            server("smtp://[::1]:25"),
            Ok(("::1".to_owned(), 25, Tls::Never))
        );
        assert!(
            server("smtp://u:p@h")
                .unwrap_err()
                .contains("--password-file")
        );
        for wrong in [
            "mail.example.com",
            "http://h",
            "smtp://h?tls=perhaps",
            "smtp://h/x",
        ] {
            assert!(server(wrong).unwrap_err().contains("smtps://"), "{wrong}");
        }
    }
}
