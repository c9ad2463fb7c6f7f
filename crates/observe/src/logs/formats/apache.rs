//! Apache httpd, by its `LogFormat`.
//!
//! <https://httpd.apache.org/docs/2.4/mod/mod_log_config.html#formats>; `%{…}x` is of mod_ssl.

use crate::logs::builder::{Builder, Meaning};
use crate::logs::format::{Escape, Format, FormatError, Kind, Sample, Tells, Wanted};
use crate::logs::line::{Field, Written};
use crate::logs::patterned::Patterned;
use crate::logs::template;

pub(crate) static KIND: Kind = Kind {
    name: "apache",
    about: "Apache httpd, by its LogFormat; ssl_request_log as the distributions have it",
    recognise,
    usual: None,
    pattern,
};

/// The log of TLS in the configuration that httpd comes with.
const SSL_REQUEST_LOG: &str = "%t %h %{SSL_PROTOCOL}x %{SSL_CIPHER}x \"%r\" %b";

const REMEDY: &str = "in the configuration write\n\
LogFormat \"%h %l %u %t \\\"%r\\\" %>s %b \\\"%{Referer}i\\\" \\\"%{User-Agent}i\\\" %{SSL_PROTOCOL}x %{SSL_CIPHER}x %{SSL_TLS_SNI}x\" tls\n\
and `CustomLog logs/access.log tls`";

/// Variables of mod_ssl that a mistyped one may have been meant to be.
const OF_SSL: [&str; 8] = [
    "SSL_PROTOCOL",
    "SSL_CIPHER",
    "SSL_TLS_SNI",
    "SSL_SESSION_RESUMED",
    "SSL_CLIENT_S_DN",
    "SSL_CLIENT_S_DN_CN",
    "SSL_CLIENT_VERIFY",
    "SSL_SERVER_NAME",
];

fn pattern(
    text: &str,
    _: &Sample<'_>,
    wanted: &Wanted,
) -> Option<Result<Box<dyn Format>, FormatError>> {
    text.contains('%').then(|| {
        let text = text.strip_prefix("LogFormat ").unwrap_or(text);
        // As it stands in a configuration, its quotes escaped.
        let text = text.replace("\\\"", "\"");
        made(&text, wanted).map(|made| -> Box<dyn Format> { Box::new(made) })
    })
}

fn recognise(sample: &Sample<'_>, wanted: &Wanted) -> Option<Box<dyn Format>> {
    let made = made(SSL_REQUEST_LOG, wanted).ok()?;
    sample
        .is_read_by(&made)
        .then(|| -> Box<dyn Format> { Box::new(made) })
}

/// What a directive is to us: its letter, and what stands in braces before it.
fn meaning(argument: Option<&str>, letter: char, wanted: &Wanted) -> Meaning {
    if argument.is_some_and(|argument| wanted.is_account(argument)) {
        return Field::Account.into();
    }
    let field = match (letter, argument) {
        ('h' | 'a', None) | ('a', Some("c")) => Field::Address,
        ('A', None) => Field::Server,
        ('p', None) => Field::ServerPort,
        ('u', None) => Field::User,
        ('r' | 'U', None) => Field::Request,
        ('s', None) => Field::Status,
        ('t', None) => return Meaning::Time(Written::Common),
        ('t', Some(format)) => {
            return Meaning::Time(
                match format
                    .trim_start_matches("begin:")
                    .trim_start_matches("end:")
                {
                    "sec" => Written::Seconds,
                    "msec" => Written::Milliseconds,
                    "usec" => Written::Microseconds,
                    pattern => Written::Pattern(pattern.to_owned()),
                },
            );
        }
        ('x', Some("SSL_PROTOCOL")) => Field::Protocol,
        ('x', Some("SSL_CIPHER")) => Field::Cipher,
        ('x', Some("SSL_TLS_SNI")) => Field::ServerName,
        ('x', Some("SSL_SESSION_RESUMED")) => Field::Resumed,
        ('x', Some("SSL_CLIENT_S_DN")) => Field::Certificate,
        ('i', Some(header)) if header.eq_ignore_ascii_case("user-agent") => Field::UserAgent,
        ('i', Some(header)) => match wanted.header(header) {
            Some(field) => field,
            None => return Meaning::Nothing,
        },
        // Of a server that names hosts after what was asked for.
        ('v' | 'V', None) => Field::ServerName,
        _ => return Meaning::Nothing,
    };
    field.into()
}

fn made(pattern: &str, wanted: &Wanted) -> Result<Patterned, FormatError> {
    let mut builder = Builder::default();
    let mut text = String::new();
    let mut characters = pattern.chars().enumerate().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '%' => {}
            '\\' => {
                match characters.next() {
                    Some((_, 't')) => text.push('\t'),
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, other)) => text.push(other),
                    None => text.push('\\'),
                }
                continue;
            }
            other => {
                text.push(other);
                continue;
            }
        }
        // %200,304,!400>s: only for these statuses, of the last request.
        while characters
            .next_if(|(_, next)| next.is_ascii_digit() || matches!(next, ',' | '!' | '<' | '>'))
            .is_some()
        {}
        let mut argument = None;
        if characters.next_if(|(_, next)| *next == '{').is_some() {
            let mut inside = String::new();
            loop {
                match characters.next() {
                    Some((_, '}')) => break,
                    Some((_, next)) => inside.push(next),
                    None => {
                        return Err(FormatError::at(
                            pattern,
                            at + 1,
                            format!("`%{{{inside}` is not closed; add `}}`"),
                        ));
                    }
                }
            }
            argument = Some(inside);
        }
        while characters
            .next_if(|(_, next)| matches!(next, '<' | '>'))
            .is_some()
        {}
        let letter = match characters.next() {
            Some((_, '%')) if argument.is_none() => {
                text.push('%');
                continue;
            }
            Some((_, '^')) => characters
                .next()
                .and(characters.next())
                .map_or('i', |(_, letter)| letter),
            Some((_, letter)) if letter.is_ascii_alphabetic() => letter,
            _ => {
                return Err(FormatError::at(
                    pattern,
                    at + 1,
                    "a `%` without a directive behind it; two stand for one",
                ));
            }
        };
        if letter == 'x'
            && let Some(name) = argument.as_deref()
        {
            let near = floor::config::did_you_mean(name, OF_SSL.into_iter(), "");
            if !OF_SSL.contains(&name) && !near.is_empty() && !wanted.is_account(name) {
                return Err(FormatError::at(
                    pattern,
                    at + 3,
                    format!("mod_ssl has no variable {name}; {near}"),
                ));
            }
        }
        let meaning = meaning(argument.as_deref(), letter, wanted);
        let name = argument.as_ref().map_or_else(
            || format!("%{letter}"),
            |argument| format!("%{{{argument}}}{letter}"),
        );
        // %t comes in brackets.
        let brackets = letter == 't' && argument.is_none();
        if brackets {
            text.push('[');
        }
        builder.text(&std::mem::take(&mut text));
        builder.variable(name, at + 1, meaning, template::Kind::Plain);
        if brackets {
            text.push(']');
        }
    }
    builder.text(&text);
    let (template, written) = builder.finish(pattern, REMEDY)?;
    let has = |field| template.fields().contains(&field);
    let hint = (!has(Field::UserAgent))
        .then_some("LogFormat could also have %{User-Agent}i, so that programs are named");
    Ok(Patterned {
        escape: Escape::Backslash,
        tells: Tells::Requests,
        hint,
        ..Patterned::new(KIND.name, template, written)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::line::{Line, Taken};

    #[test]
    fn a_log_format_as_a_configuration_has_it() {
        let pattern = r#"%v:%p %h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\" %{SSL_PROTOCOL}x %{SSL_CIPHER}x"#;
        let format = made(&pattern.replace("\\\"", "\""), &Wanted::default()).expect("a format");
        let line = br#"api.example.com:443 192.0.2.1 - jo [25/Nov/2026:13:31:33 +0000] "GET / HTTP/1.1" 200 5 "-" "a \"b\"" TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256"#;
        let mut out = Line::default();
        assert_eq!(format.split(line, &mut out), Ok(Taken::Row));
        assert_eq!(out.time, b"25/Nov/2026:13:31:33 +0000");
        for (field, value) in [
            (Field::ServerName, &b"api.example.com"[..]),
            (Field::User, b"jo"),
            (Field::UserAgent, br#"a \"b\""#),
            (Field::Protocol, b"TLSv1.2"),
            (Field::Status, b"200"),
        ] {
            assert_eq!(out.get(field), value);
        }
    }

    #[test]
    fn a_slip_is_shown_where_it_is() {
        let error = made("%h %t %{SSL_PROTOCL}x", &Wanted::default()).expect_err("a slip");
        let FormatError::Pattern { column, reason, .. } = error else {
            panic!("{error}")
        };
        assert!(
            column == 9 && reason.contains("did you mean `SSL_PROTOCOL`"),
            "{column} {reason}"
        );
        assert!(made("%h %t %{SSL_PROTOCOL", &Wanted::default()).is_err());
        assert!(made("%h %t %", &Wanted::default()).is_err());
    }
}
