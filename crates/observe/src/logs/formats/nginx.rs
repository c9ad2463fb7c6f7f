//! nginx, by its `log_format`.
//!
//! Variables: <https://nginx.org/en/docs/varindex.html>; escapes: `log_format` in
//! <https://nginx.org/en/docs/http/ngx_http_log_module.html>.

use std::path::Path;

use hello::Version;

use super::nginx_conf;
use crate::logs::builder::{Builder, Meaning};
use crate::logs::format::{Escape, Format, FormatError, Kind, Sample, Tells, Wanted};
use crate::logs::line::{Fault, Field, Line, Taken, Written};
use crate::logs::template::{self, Template};

pub(crate) static KIND: Kind = Kind {
    name: "nginx",
    about: "nginx, by its log_format; give the string, or the nginx.conf that holds it",
    recognise: nginx_conf::of_this_machine,
    usual: None,
    pattern,
};

/// What to log; the last line of every hint.
pub(crate) const REMEDY: &str = "\
log_format tls '$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent '
               '\"$http_referer\" \"$http_user_agent\" $connection_requests '
               '$ssl_server_name $ssl_protocol $ssl_cipher $ssl_curve $ssl_ciphers $ssl_curves';";

/// Lines of one `log_format`.
#[derive(Clone, Debug)]
pub(crate) struct Nginx {
    template: Template,
    written: Written,
    escape: Escape,
    tells: Tells,
    server_max: Option<Version>,
}

fn meaning(name: &str, wanted: &Wanted, has: impl Fn(&str) -> bool) -> Meaning {
    let field = match name {
        _ if wanted.is_account(name) => Field::Account,
        "time_local" => return Meaning::Time(Written::Common),
        "time_iso8601" => return Meaning::Time(Written::Iso),
        "msec" => return Meaning::Time(Written::Seconds),
        "remote_addr" => Field::Address,
        "binary_remote_addr" => return Meaning::Nothing,
        "server_addr" => Field::Server,
        "server_port" => Field::ServerPort,
        "ssl_server_name" | "ssl_preread_server_name" => Field::ServerName,
        "host" | "http_host" | "server_name" if !has("ssl_server_name") => Field::ServerName,
        "ssl_protocol" => Field::Protocol,
        "ssl_preread_protocol" => Field::OfferedVersions,
        "ssl_cipher" => Field::Cipher,
        "ssl_ciphers" => Field::Suites,
        "ssl_curve" => Field::Group,
        "ssl_curves" => Field::Groups,
        "ssl_session_reused" => Field::Resumed,
        "ssl_alpn_protocol" => Field::Alpn,
        "ssl_client_s_dn" => Field::Certificate,
        "ssl_client_s_dn_legacy" if !has("ssl_client_s_dn") => Field::Certificate,
        "http_user_agent" => Field::UserAgent,
        "remote_user" => Field::User,
        "request" => Field::Request,
        "request_uri" | "uri" if !has("request") => Field::Request,
        "status" => Field::Status,
        "connection_requests" => Field::Nth,
        _ => match name
            .strip_prefix("http_")
            .and_then(|header| wanted.header(header))
        {
            Some(header) => header,
            None => return Meaning::Nothing,
        },
    };
    field.into()
}

/// Variables that a mistyped one may have been meant to be.
const KNOWN: [&str; 45] = [
    "binary_remote_addr",
    "body_bytes_sent",
    "bytes_sent",
    "connection",
    "connection_requests",
    "content_length",
    "gzip_ratio",
    "host",
    "hostname",
    "http_host",
    "http_referer",
    "http_user_agent",
    "http_x_forwarded_for",
    "msec",
    "pid",
    "pipe",
    "remote_addr",
    "remote_port",
    "remote_user",
    "request",
    "request_body",
    "request_id",
    "request_length",
    "request_method",
    "request_time",
    "request_uri",
    "scheme",
    "server_addr",
    "server_name",
    "server_port",
    "server_protocol",
    "ssl_alpn_protocol",
    "ssl_cipher",
    "ssl_ciphers",
    "ssl_client_s_dn",
    "ssl_curve",
    "ssl_curves",
    "ssl_preread_protocol",
    "ssl_preread_server_name",
    "ssl_protocol",
    "ssl_server_name",
    "ssl_session_reused",
    "status",
    "time_iso8601",
    "time_local",
];

/// A variable of a pattern, and the character from 1 at which it stands.
struct Variable {
    name: String,
    column: usize,
}

enum Part {
    Text(String),
    Variable(Variable),
}

/// A pattern in parts.
fn parts(pattern: &str) -> Result<Vec<Part>, FormatError> {
    let mut parts = Vec::new();
    let mut characters = pattern.chars().enumerate().peekable();
    let mut text = String::new();
    while let Some((at, character)) = characters.next() {
        if character != '$' {
            text.push(character);
            continue;
        }
        let is_braced = characters.next_if(|(_, next)| *next == '{').is_some();
        let mut name = String::new();
        while let Some((_, next)) =
            characters.next_if(|(_, next)| next.is_ascii_alphanumeric() || *next == '_')
        {
            name.push(next);
        }
        if name.is_empty() {
            return Err(FormatError::at(
                pattern,
                at + 1,
                "a `$` without the name of a variable behind it",
            ));
        }
        if is_braced && characters.next_if(|(_, next)| *next == '}').is_none() {
            return Err(FormatError::at(
                pattern,
                at + 1,
                format!("`${{{name}` is not closed; add `}}`"),
            ));
        }
        if !text.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut text)));
        }
        parts.push(Part::Variable(Variable {
            name,
            column: at + 1,
        }));
    }
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    Ok(parts)
}

/// How much a pattern is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// Somebody typed it.
    Typed,
    /// nginx runs with it.
    Configuration,
}

impl Nginx {
    /// Makes the format of a `log_format` string.
    pub(crate) fn new(
        pattern: &str,
        escape: Escape,
        from: From,
        wanted: &Wanted,
        server_max: Option<Version>,
    ) -> Result<Self, FormatError> {
        let parts = parts(pattern)?;
        let names: Vec<&str> = parts
            .iter()
            .filter_map(|part| match part {
                Part::Variable(variable) => Some(variable.name.as_str()),
                Part::Text(_) => None,
            })
            .collect();
        let has = |name: &str| names.contains(&name);
        let mut builder = Builder::default();
        for part in &parts {
            let variable = match part {
                Part::Text(text) => {
                    builder.text(text);
                    continue;
                }
                Part::Variable(variable) => variable,
            };
            let meaning = meaning(&variable.name, wanted, has);
            if meaning == Meaning::Nothing && from == From::Typed {
                check(pattern, variable)?;
            }
            let kind = if variable.name.starts_with("upstream_") {
                template::Kind::List
            } else {
                template::Kind::Plain
            };
            builder.variable(
                format!("${}", variable.name),
                variable.column,
                meaning,
                kind,
            );
        }
        let remedy = format!(
            "in nginx.conf write\n{REMEDY}\nand `access_log PATH tls;`, reload nginx, and come back when some requests are \
             logged"
        );
        let (template, written) = builder.finish(pattern, &remedy)?;
        let is_stream = has("ssl_preread_protocol") || (has("session_time") && !has("request"));
        Ok(Self {
            template,
            written,
            escape,
            tells: if is_stream {
                Tells::Connections
            } else {
                Tells::Requests
            },
            server_max,
        })
    }
}

/// A variable that nobody knows may be one of a `map`; one that is nearly one that we know is a slip.
fn check(pattern: &str, variable: &Variable) -> Result<(), FormatError> {
    let name = variable.name.as_str();
    let is_free = [
        "http_",
        "sent_http_",
        "cookie_",
        "arg_",
        "upstream_",
        "ssl_client_",
    ];
    if KNOWN.contains(&name) || is_free.iter().any(|prefix| name.starts_with(prefix)) {
        return Ok(());
    }
    let near = floor::config::did_you_mean(name, KNOWN.into_iter(), "");
    if near.is_empty() {
        return Ok(());
    }
    let reason = format!("nginx has no variable ${name}; {near}");
    Err(FormatError::at(pattern, variable.column, reason))
}

impl Format for Nginx {
    fn name(&self) -> &'static str {
        KIND.name
    }

    fn fields(&self) -> &[Field] {
        self.template.fields()
    }

    fn written(&self) -> Written {
        self.written.clone()
    }

    fn split<'a>(&self, line: &'a [u8], out: &mut Line<'a>) -> Result<Taken, Fault> {
        self.template.split(line, out).map(|()| Taken::Row)
    }

    fn escape(&self) -> Escape {
        self.escape
    }

    fn tells(&self) -> Tells {
        self.tells
    }

    fn server_max(&self) -> Option<Version> {
        self.server_max
    }

    fn hint(&self) -> Option<String> {
        let lacks = |field| !self.fields().contains(&field);
        let mut missing = Vec::new();
        if lacks(Field::Suites) || lacks(Field::Groups) {
            missing.push("$ssl_ciphers and $ssl_curves, so that floors on suites and post-quantum groups can be judged");
        }
        if lacks(Field::Nth) && self.tells == Tells::Requests {
            missing.push(
                "$connection_requests, so that connections are counted and not only requests",
            );
        }
        if lacks(Field::UserAgent) && self.tells == Tells::Requests {
            missing.push("$http_user_agent, so that programs are named");
        }
        (!missing.is_empty())
            .then(|| format!("log_format could also have {}", missing.join("; and ")))
    }
}

/// A pattern is nginx's where it has variables with dollars; a path may be that of a configuration.
fn pattern(
    text: &str,
    sample: &Sample<'_>,
    wanted: &Wanted,
) -> Option<Result<Box<dyn Format>, FormatError>> {
    let made = |nginx: Nginx| -> Box<dyn Format> { Box::new(nginx) };
    if text.contains('$') {
        let (escape, text) = match text.split_once(' ') {
            Some(("escape=json", rest)) => (Escape::Json, rest),
            Some(("escape=none", rest)) => (Escape::None, rest),
            Some(("escape=default", rest)) => (Escape::Backslash, rest),
            _ => (Escape::Backslash, text),
        };
        // As it stands in a configuration, quotes and all.
        let text = text
            .strip_prefix('\'')
            .and_then(|text| text.strip_suffix('\''))
            .unwrap_or(text);
        return Some(Nginx::new(text, escape, From::Typed, wanted, None).map(made));
    }
    let file = Path::new(text);
    file.is_file()
        .then(|| nginx_conf::of_file(file, sample, wanted))
}

/// What the sample is read by, of the formats of a configuration.
pub(crate) fn first_that_reads(sample: &Sample<'_>, made: Vec<Nginx>) -> Option<Nginx> {
    made.into_iter().find(|format| sample.is_read_by(format))
}
