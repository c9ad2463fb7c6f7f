//! HAProxy: `option httpslog` and any `log-format`.
//!
//! Configuration manual, section 8.2 "Log formats" and 8.2.6 "Custom log format".

use memchr::memmem::find;

use crate::logs::builder::{Builder, Meaning};
use crate::logs::format::{Escape, Format, FormatError, Kind, Sample, Tells, Wanted};
use crate::logs::line::{Field, Line, Taken, Written};
use crate::logs::patterned::Patterned;
use crate::logs::template::{self, Slot};

pub(crate) static KIND: Kind = Kind {
    name: "haproxy",
    about: "HAProxy: option httpslog, or its log-format",
    recognise,
    usual: None,
    pattern,
};

/// What `option httpslog` stands for (2.5 and later).
const HTTPSLOG: &str = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r \
                        %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] %[ssl_fc_sni]/%sslv/%sslc";

const REMEDY: &str = "in the frontend write\n\
log-format \"%ci:%cp [%trg] %ft %b/%s %ST %B %{+Q}r %[ssl_fc_sni] %sslv %sslc %{+Q}[capture.req.hdr(0)]\"\n\
capture request header User-Agent len 256\n\
and, with tune.ssl.capture-buffer-size 1024, %[ssl_fc_cipherlist_str] for what clients offer";

fn recognise(sample: &Sample<'_>, wanted: &Wanted) -> Option<Box<dyn Format>> {
    let made = made(HTTPSLOG, wanted).ok()?;
    sample
        .is_read_by(&made)
        .then(|| -> Box<dyn Format> { Box::new(made) })
}

fn pattern(
    text: &str,
    _: &Sample<'_>,
    wanted: &Wanted,
) -> Option<Result<Box<dyn Format>, FormatError>> {
    let is_ours = ["%[", "%sslv", "%ci", "%ft", "%tr", "{+Q}"]
        .iter()
        .any(|sign| text.contains(sign));
    is_ours.then(|| {
        let text = text
            .strip_prefix("log-format ")
            .unwrap_or(text)
            .trim_matches('"')
            .replace("\\\"", "\"");
        made(&text, wanted).map(|made| -> Box<dyn Format> { Box::new(made) })
    })
}

/// What a variable is to us.
fn alias(name: &str) -> Meaning {
    let field = match name {
        "ci" => Field::Address,
        "fi" => Field::Server,
        "fp" => Field::ServerPort,
        "sslv" => Field::Protocol,
        "sslc" => Field::Cipher,
        "ST" => Field::Status,
        "r" | "HU" | "HP" => Field::Request,
        // In the machine's own zone, and without an offset: t, tr; with one: T*, tr*.
        "t" | "tr" | "T" | "Tl" | "trg" | "trl" => return Meaning::Time(Written::Common),
        "Ts" => return Meaning::Time(Written::Seconds),
        "hr" => return Meaning::Is(Slot::Captures),
        _ => return Meaning::Nothing,
    };
    field.into()
}

/// What a sample expression is to us: `ssl_fc_cipherlist_str`, `req.hdr(X-Api-Key)`.
fn expression(text: &str, wanted: &Wanted) -> Meaning {
    if wanted.is_account(text) {
        return Field::Account.into();
    }
    let (fetch, argument) = text.split_once('(').unwrap_or((text, ""));
    let argument = argument.split(')').next().unwrap_or_default();
    let fetch = fetch.split(',').next().unwrap_or(fetch);
    let field = match fetch {
        "src" => Field::Address,
        "ssl_fc_protocol" => Field::Protocol,
        "ssl_fc_cipher" => Field::Cipher,
        "ssl_fc_curve" => Field::Group,
        "ssl_fc_sni" | "req.ssl_sni" => Field::ServerName,
        "ssl_fc_alpn" => Field::Alpn,
        "ssl_fc_is_resumed" => Field::Resumed,
        "ssl_fc_cipherlist_str" => Field::Suites,
        "ssl_c_s_dn" => Field::Certificate,
        "http_auth_user" => Field::User,
        "req.hdr" | "hdr" | "req.fhdr" if argument.eq_ignore_ascii_case("user-agent") => {
            Field::UserAgent
        }
        "req.hdr" | "hdr" | "req.fhdr" => match wanted.header(argument) {
            Some(field) => field,
            None => return Meaning::Nothing,
        },
        // The first header that is captured: the User-Agent, by every example.
        "capture.req.hdr" if argument == "0" => Field::UserAgent,
        _ => return Meaning::Nothing,
    };
    field.into()
}

fn made(pattern: &str, wanted: &Wanted) -> Result<Patterned, FormatError> {
    let mut builder = Builder::default();
    // Captured headers: nothing tells which they are; the first is the User-Agent by every example.
    builder.captures = vec![Some(Field::UserAgent)];
    let mut text = String::new();
    let mut characters = pattern.chars().enumerate().peekable();
    let mut all_quoted = false;
    while let Some((at, character)) = characters.next() {
        match character {
            '%' => {}
            '\\' => {
                text.extend(characters.next().map(|(_, next)| next));
                continue;
            }
            // Blanks side by side are one.
            ' ' if text.ends_with(' ') => continue,
            other => {
                text.push(other);
                continue;
            }
        }
        if characters.next_if(|(_, next)| *next == '%').is_some() {
            text.push('%');
            continue;
        }
        let mut quoted = all_quoted;
        if characters.next_if(|(_, next)| *next == '{').is_some() {
            let mut flags = String::new();
            while let Some((_, next)) = characters.next_if(|(_, next)| *next != '}') {
                flags.push(next);
            }
            if characters.next().is_none() {
                return Err(FormatError::at(
                    pattern,
                    at + 1,
                    format!("`%{{{flags}` is not closed; add `}}`"),
                ));
            }
            quoted = (quoted || flags.contains("+Q")) && !flags.contains("-Q");
            if characters.next_if(|(_, next)| *next == 'o').is_some() {
                // For all that follow.
                all_quoted = quoted;
                characters.next_if(|(_, next)| *next == ' ');
                continue;
            }
        }
        let (name, meaning) = if characters.next_if(|(_, next)| *next == '[').is_some() {
            let mut inside = String::new();
            loop {
                match characters.next() {
                    Some((_, ']')) => break,
                    Some((_, next)) => inside.push(next),
                    None => {
                        return Err(FormatError::at(
                            pattern,
                            at + 1,
                            format!("`%[{inside}` is not closed; add `]`"),
                        ));
                    }
                }
            }
            let meaning = expression(&inside, wanted);
            (format!("%[{inside}]"), meaning)
        } else {
            let mut name = String::new();
            while let Some((_, next)) = characters.next_if(|(_, next)| next.is_ascii_alphabetic()) {
                name.push(next);
            }
            if name.is_empty() {
                return Err(FormatError::at(
                    pattern,
                    at + 1,
                    "a `%` without a variable behind it; two stand for one",
                ));
            }
            if !VARIABLES.contains(&name.as_str()) {
                let near = floor::config::did_you_mean(
                    &name,
                    VARIABLES.into_iter(),
                    "they are in section 8.2.6 of the manual",
                );
                return Err(FormatError::at(
                    pattern,
                    at + 2,
                    format!("HAProxy has no variable %{name}; {near}"),
                ));
            }
            let meaning = alias(&name);
            (format!("%{name}"), meaning)
        };
        let in_braces = matches!(name.as_str(), "%hr" | "%hs");
        if quoted && !in_braces {
            text.push('"');
        }
        builder.text(&std::mem::take(&mut text));
        let kind = if in_braces {
            template::Kind::Braces
        } else {
            template::Kind::Plain
        };
        builder.variable(name, at + 1, meaning, kind);
        if quoted && !in_braces {
            text.push('"');
        }
    }
    builder.text(&text);
    let (template, written) = builder.finish(pattern, REMEDY)?;
    Ok(Patterned {
        escape: Escape::Hash,
        tells: Tells::Requests,
        cut: without_syslog,
        aside: failure,
        ..Patterned::new(KIND.name, template, written)
    })
}

/// Its variables (section 8.2.6).
const VARIABLES: [&str; 65] = [
    "B", "CC", "CS", "H", "HM", "HP", "HPO", "HQ", "HU", "HV", "ID", "ST", "T", "Ta", "Tc", "Td",
    "Th", "Ti", "Tl", "Tq", "TR", "Tr", "Ts", "Tt", "Tu", "Tw", "U", "ac", "b", "bc", "bi", "bp",
    "bq", "ci", "cp", "f", "fc", "fi", "fp", "ft", "hr", "hrl", "hs", "hsl", "lc", "ms", "pid",
    "r", "rc", "rt", "s", "sc", "si", "sp", "sq", "sslc", "sslv", "t", "tr", "trg", "trl", "ts",
    "tsc", "o", "Tid",
];

/// `192.0.2.1:4711 [06/Feb/2009:12:14:14.655] http-in/1: SSL handshake failure`: what is written in the place of a request
/// where there was none (section 8.2.5). A connection that was closed first shows nothing of TLS.
fn failure<'a>(line: &'a [u8], out: &mut Line<'a>) -> Option<Taken> {
    let (address, rest) = line.split_at_checked(find(line, b" [")?)?;
    let (time, rest) = rest
        .get(2..)?
        .split_at_checked(find(rest.get(2..)?, b"] ")?)?;
    let reason = rest.get(find(rest, b": ")? + 2..)?;
    if !reason.starts_with(b"SSL handshake failure") {
        let is_known = [&b"Connection "[..], b"Timeout ", b"Received something"];
        return is_known
            .into_iter()
            .any(|start| reason.starts_with(start))
            .then_some(Taken::Skipped);
    }
    *out = Line::default();
    out.time = time;
    out.set(Field::Address, template::without_port(address));
    out.set(Field::Failure, reason);
    Some(Taken::Row)
}

/// What comes behind the head that syslog puts before a line: `Nov 25 13:31:33 lb1 haproxy[123]: `, or `<134>…`.
fn without_syslog(line: &[u8]) -> &[u8] {
    /// Bytes that such a head has at most.
    const MOST: usize = 160;
    let head = line.get(..MOST).unwrap_or(line);
    let is_head = head.starts_with(b"<")
        || head.first().is_some_and(u8::is_ascii_alphabetic)
        || find(head, b" haproxy[").is_some();
    match find(head, b"]: ") {
        Some(at) if is_head => line.get(at + 3..).unwrap_or_default(),
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn httpslog_with_and_without_captures_and_syslog() {
        let format = made(HTTPSLOG, &Wanted::default()).expect("HAProxy's own");
        // The example of the manual, section 8.2.4; then with captured headers, behind syslog's head.
        let plain = b"10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in~ static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 \"GET /index.html HTTP/1.1\" 0/0/0/0/0 1wt.eu/TLSv1.3/TLS_AES_256_GCM_SHA384";
        let captured = b"Feb  6 12:14:14 localhost haproxy[14389]: 10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in~ static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {curl/7.88} {} \"GET /index.html HTTP/1.1\" 0/0/0/0/0 1wt.eu/TLSv1.3/TLS_AES_256_GCM_SHA384";
        for (line, agent) in [(&plain[..], &b""[..]), (captured, b"curl/7.88")] {
            let mut out = Line::default();
            assert_eq!(format.split(line, &mut out), Ok(Taken::Row));
            assert_eq!(out.get(Field::Address), b"10.0.1.2");
            assert_eq!(out.get(Field::ServerName), b"1wt.eu");
            assert_eq!(out.get(Field::Protocol), b"TLSv1.3");
            assert_eq!(out.get(Field::Cipher), b"TLS_AES_256_GCM_SHA384");
            assert_eq!(out.get(Field::UserAgent), agent);
        }
    }

    #[test]
    fn a_slip_is_shown_where_it_is() {
        let error = made("%ci:%cp [%tr] %sslx", &Wanted::default()).expect_err("a slip");
        assert!(
            error.to_string().contains("column 16")
                && error.to_string().contains("no variable %sslx"),
            "{error}"
        );
    }
}
