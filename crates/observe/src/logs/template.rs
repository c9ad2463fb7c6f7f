//! Lines that are written by a pattern: literal text and variables in turn.
//!
//! A variable ends where the text that follows it in the pattern begins. Nothing is copied.

use memchr::memchr;

use super::line::{Fault, Field, Line};

/// What becomes of the value of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Nothing.
    Ignored,
    /// It is the time.
    Time,
    /// It is this field.
    Field(Field),
    /// It is this field with a port behind it, which is cut off.
    WithPort(Field),
    /// It is headers that HAProxy has captured: `{a|b}`, or nothing at all. Which is which, the pattern says.
    Captures,
}

/// How a value can go on where it seems to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It cannot.
    #[default]
    Plain,
    /// It is a list of nginx (`$upstream_addr`), whose parts are divided by `, ` and ` : `.
    List,
    /// It is there in braces, or it is missing together with the text that follows it.
    Braces,
}

/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// This text.
    Text(Vec<u8>),
    /// A value.
    Variable {
        /// Its name as the pattern has it, for people.
        name: String,
        slot: Slot,
        kind: Kind,
        /// Where it stands in the pattern, in characters from 1.
        column: usize,
    },
}

/// Where a value ends.
#[derive(Clone, Debug)]
enum End {
    /// Before this text; a quote in it does not count where a backslash stands before it.
    Byte(u8),
    Text(Box<[u8]>),
    /// With the line.
    Line,
}

#[derive(Clone, Debug)]
struct Step {
    name: Box<str>,
    slot: Slot,
    kind: Kind,
    end: End,
}

/// A pattern that lines can be taken apart by.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    /// What every line begins with.
    start: Box<[u8]>,
    steps: Box<[Step]>,
    /// The fields that captured headers go to, in their order.
    captures: Box<[Option<Field>]>,
    fields: Vec<Field>,
}

/// A pattern that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous {
    /// Where it shows, in characters from 1.
    pub(crate) column: usize,
    pub(crate) reason: String,
}

impl Template {
    /// Makes one of a pattern.
    pub(crate) fn new(pieces: Vec<Piece>, captures: Vec<Option<Field>>) -> Result<Self, Ambiguous> {
        let mut start = Vec::new();
        let mut steps: Vec<(Step, usize, Vec<u8>)> = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => steps
                    .last_mut()
                    .map_or(&mut start, |last| &mut last.2)
                    .extend(text),
                Piece::Variable {
                    name,
                    slot,
                    kind,
                    column,
                } => {
                    if let Some((last, _, text)) = steps.last_mut()
                        && text.is_empty()
                    {
                        // Two values side by side are one, of which nobody can say where the second begins.
                        if last.slot == Slot::Ignored && slot == Slot::Ignored {
                            continue;
                        }
                        return Err(Ambiguous {
                            column,
                            reason: format!(
                                "nothing stands between {} and {name}, so that nobody can tell where one ends; put a \
                                 blank or quotes there",
                                last.name
                            ),
                        });
                    }
                    let step = Step {
                        name: name.into(),
                        slot,
                        kind,
                        end: End::Line,
                    };
                    steps.push((step, column, Vec::new()));
                }
            }
        }
        let steps: Box<[Step]> = steps
            .into_iter()
            .map(|(step, _, text)| {
                let end = match text.as_slice() {
                    [] => End::Line,
                    [byte] => End::Byte(*byte),
                    _ => End::Text(text.into()),
                };
                Step { end, ..step }
            })
            .collect();
        let mut fields: Vec<Field> = steps
            .iter()
            .filter_map(|step| match step.slot {
                Slot::Field(field) | Slot::WithPort(field) => Some(field),
                _ => None,
            })
            .chain(captures.iter().copied().flatten())
            .collect();
        fields.sort_unstable();
        fields.dedup();
        Ok(Self {
            start: start.into(),
            captures: captures.into(),
            steps,
            fields,
        })
    }

    /// The fields it fills.
    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Takes a line apart.
    pub(crate) fn split<'a>(&self, line: &'a [u8], out: &mut Line<'a>) -> Result<(), Fault> {
        let mut rest = line.strip_prefix(&*self.start).ok_or_else(|| {
            Fault::new(0, format!("it does not begin with {}", quoted(&self.start)))
        })?;
        let mut steps = self.steps.iter();
        while let Some(step) = steps.next() {
            if step.kind == Kind::Braces && rest.first() != Some(&b'{') {
                continue;
            }
            // What ends the last value ends the line: a value that is not escaped may hold it too.
            let cut = match steps.len() {
                0 => step.cut_last(rest),
                _ => step.cut(rest),
            };
            let Some((value, after)) = cut else {
                return Err(self.fault(step, line.len() - rest.len()));
            };
            match step.slot {
                Slot::Ignored => {}
                Slot::Time => out.time = value,
                Slot::Field(field) => out.set(field, value),
                Slot::WithPort(field) => out.set(field, without_port(value)),
                Slot::Captures => self.captured(value, out),
            }
            rest = after;
        }
        if rest.is_empty() {
            Ok(())
        } else {
            Err(Fault::new(
                line.len() - rest.len(),
                "it goes on where the format ends",
            ))
        }
    }

    fn captured<'a>(&self, value: &'a [u8], out: &mut Line<'a>) {
        let inside = value
            .strip_prefix(b"{")
            .and_then(|value| value.strip_suffix(b"}"));
        for (part, field) in inside
            .unwrap_or_default()
            .split(|byte| *byte == b'|')
            .zip(&self.captures)
        {
            if let Some(field) = field {
                out.set(*field, part);
            }
        }
    }

    fn fault(&self, step: &Step, at: usize) -> Fault {
        let wanted = match &step.end {
            End::Byte(byte) => quoted(&[*byte]),
            End::Text(text) => quoted(text),
            End::Line => "the end".to_owned(),
        };
        Fault::new(at, format!("{wanted} does not follow {}", step.name))
    }
}

/// Text of a pattern, for people.
fn quoted(text: &[u8]) -> String {
    format!("`{}`", String::from_utf8_lossy(text))
}

impl Step {
    /// The last value of a line.
    fn cut_last<'a>(&self, rest: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let value = match &self.end {
            End::Line => rest,
            End::Byte(byte) => rest.strip_suffix(&[*byte])?,
            End::Text(text) => rest.strip_suffix(&**text)?,
        };
        Some((value, &[]))
    }

    /// The value at the beginning of `rest`, and what comes after the text that ends it.
    #[inline]
    fn cut<'a>(&self, rest: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        match &self.end {
            End::Line => Some((rest, &[])),
            End::Byte(byte) => {
                let mut from = 0;
                loop {
                    let at = from + memchr(*byte, rest.get(from..)?)?;
                    if self.ends(rest, at, *byte) {
                        return Some((rest.get(..at)?, rest.get(at + 1..)?));
                    }
                    from = at + 1;
                }
            }
            End::Text(needle) => {
                let first = *needle.first()?;
                let mut from = 0;
                loop {
                    // Values are short: looking for the first byte is quicker than a search for the whole.
                    let at = from + memchr(first, rest.get(from..)?)?;
                    if rest.get(at..)?.starts_with(needle) && self.ends(rest, at, first) {
                        return Some((rest.get(..at)?, rest.get(at + needle.len()..)?));
                    }
                    from = at + 1;
                }
            }
        }
    }

    /// Whether a value ends where the text that follows it was found.
    #[inline]
    fn ends(&self, rest: &[u8], at: usize, first: u8) -> bool {
        match self.kind {
            Kind::List => {
                let before = at.checked_sub(1).and_then(|before| rest.get(before));
                !matches!(before, Some(b',' | b':')) && rest.get(at + 1) != Some(&b':')
            }
            // Captured headers hold blanks.
            Kind::Braces => at.checked_sub(1).and_then(|before| rest.get(before)) == Some(&b'}'),
            _ if first == b'"' => {
                let before = rest.get(..at).unwrap_or_default();
                let backslashes = before
                    .iter()
                    .rev()
                    .take_while(|byte| **byte == b'\\')
                    .count();
                backslashes % 2 == 0
            }
            _ => true,
        }
    }
}

/// An address without the port that follows it: `192.0.2.1:443`, `[2001:db8::1]:443`.
pub(crate) fn without_port(value: &[u8]) -> &[u8] {
    if let Some(inside) = value.strip_prefix(b"[") {
        let end = memchr(b']', inside).unwrap_or(inside.len());
        return inside.get(..end).unwrap_or_default();
    }
    match memchr::memrchr(b':', value) {
        Some(at) => value.get(..at).unwrap_or_default(),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str, slot: Slot) -> Piece {
        Piece::Variable {
            name: name.to_owned(),
            slot,
            kind: Kind::Plain,
            column: 1,
        }
    }

    fn text(text: &str) -> Piece {
        Piece::Text(text.as_bytes().to_vec())
    }

    #[test]
    fn a_line_is_taken_apart_by_what_stands_between() {
        let template = Template::new(
            vec![
                variable("$remote_addr", Slot::Field(Field::Address)),
                text(" ["),
                variable("$time_local", Slot::Time),
                text("] \""),
                variable("$http_user_agent", Slot::Field(Field::UserAgent)),
                text("\" "),
                variable("$ssl_protocol", Slot::Field(Field::Protocol)),
            ],
            Vec::new(),
        )
        .expect("a pattern");
        let mut line = Line::default();
        let split = template.split(br#"192.0.2.1 [now] "a \" b" TLSv1"#, &mut line);
        assert_eq!(split, Ok(()));
        assert_eq!(line.get(Field::Address), b"192.0.2.1");
        assert_eq!(line.time, b"now");
        assert_eq!(line.get(Field::UserAgent), br#"a \" b"#);
        assert_eq!(line.get(Field::Protocol), b"TLSv1");

        let fault = template
            .split(b"192.0.2.1 [now", &mut Line::default())
            .expect_err("cut");
        assert_eq!(
            (fault.at, &*fault.reason),
            (11, "`] \"` does not follow $time_local")
        );
    }

    #[test]
    fn values_side_by_side_are_a_mistake_where_one_is_wanted() {
        let side_by_side =
            |second| Template::new(vec![variable("$a", Slot::Ignored), second], Vec::new());
        assert!(side_by_side(variable("$b", Slot::Ignored)).is_ok());
        let fault = side_by_side(variable("$b", Slot::Time)).expect_err("nobody can tell");
        assert!(
            fault.reason.contains("between $a and $b"),
            "{}",
            fault.reason
        );
    }

    #[test]
    fn lists_of_nginx_hold_what_ends_others() {
        let template = Template::new(
            vec![
                Piece::Variable {
                    name: "$upstream_addr".to_owned(),
                    slot: Slot::Ignored,
                    kind: Kind::List,
                    column: 1,
                },
                text(" "),
                variable("$ssl_protocol", Slot::Field(Field::Protocol)),
            ],
            Vec::new(),
        )
        .expect("a pattern");
        for value in [
            "10.0.0.1:80",
            "10.0.0.1:80, 10.0.0.2:80",
            "10.0.0.1:80 : 10.0.0.2:80, -",
        ] {
            let line = format!("{value} TLSv1.2");
            let mut out = Line::default();
            assert_eq!(template.split(line.as_bytes(), &mut out), Ok(()), "{value}");
            assert_eq!(out.get(Field::Protocol), b"TLSv1.2", "{value}");
        }
    }

    #[test]
    fn ports_are_cut_off() {
        for (value, address) in [
            ("192.0.2.1:443", "192.0.2.1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("2001:db8::1:443", "2001:db8::1"),
            ("192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(without_port(value.as_bytes()), address.as_bytes());
        }
    }
}
