//! Hostile text, made safe for where it is written. Whatever is taken out leaves a mark.

use std::borrow::Cow;
use std::fmt::Write;

/// What stands in the place of a character that is not shown (U+FFFD).
const MARK: char = '\u{fffd}';

/// Whether a character steers a terminal (C0 and C1 controls) or reorders or hides a line: the marks of direction
/// (Unicode TR 9), the separators of lines, and what has no width.
pub(crate) fn steers(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// On one line, without anything that steers.
pub fn line(text: &str) -> Cow<'_, str> {
    if text.contains(steers) {
        Cow::Owned(text.replace(steers, MARK.encode_utf8(&mut [0; 4])))
    } else {
        Cow::Borrowed(text)
    }
}

/// The same with line ends kept: for what this project wrote itself.
pub(crate) fn lines(text: &str) -> String {
    let lines: Vec<Cow<'_, str>> = text.lines().map(line).collect();
    lines.join("\n")
}

/// A cell of a spreadsheet: without what steers, and quoted where a spreadsheet would take it for a formula (OWASP,
/// "CSV Injection").
pub fn cell(text: &str) -> String {
    let formula = text
        .trim_start_matches(' ')
        .starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let quote = if formula { "'" } else { "" };
    format!("{quote}{}", lines_or_line(text))
}

/// Line ends stay where a text has several lines of its own; a lone carriage return is no line end.
fn lines_or_line(text: &str) -> String {
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Markdown text inside a line: nothing in it is markup (CommonMark 0.31 section 2.4), HTML, a link, a mention or a
/// reference. What only means something at the start of a line is left as it is.
pub(crate) fn markdown(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let text = line(text);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '@' => safe.push_str("&#64;"),
            '#' => safe.push_str("&#35;"),
            // A bare address becomes a link (GFM section 6.9).
            ':' if characters.peek() == Some(&'/') => safe.push_str("&#58;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '^' => {
                safe.push('\\');
                safe.push(character);
            }
            character => safe.push(character),
        }
    }
    safe
}

/// Markdown code in a cell of a table, where a bar needs a backslash even in code (GFM section 4.10).
pub(crate) fn markdown_code(text: &str) -> String {
    let text = line(text);
    if text.trim().is_empty() {
        return String::new();
    }
    // A fence longer than any run of backticks inside (CommonMark section 6.1).
    let longest = text.split(|character| character != '`').map(str::len).max();
    let fence = "`".repeat(longest.unwrap_or(0) + 1);
    // One space at each end is taken off again (section 6.1).
    let pad = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) {
        " "
    } else {
        ""
    };
    let text = text.replace('|', "\\|");
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// JSON in which a string can neither steer a terminal nor hide: such characters are written as escapes, which mean
/// the same.
#[derive(Default)]
pub(crate) struct Json<'a>(serde_json::ser::PrettyFormatter<'a>);

impl serde_json::ser::Formatter for Json<'_> {
    fn write_string_fragment<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> std::io::Result<()> {
        if !fragment.contains(steers) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut escaped = String::with_capacity(fragment.len());
        for character in fragment.chars() {
            if steers(character) {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(escaped, "\\u{unit:04x}").ok();
                }
            } else {
                escaped.push(character);
            }
        }
        writer.write_all(escaped.as_bytes())
    }

    fn begin_array<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
    ) -> std::io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
    ) -> std::io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
    ) -> std::io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}[31m\u{9b}2J\u{202e}b\r\nc\u{0}\u{7f}\u{2066}";

    #[test]
    fn nothing_steers_a_terminal() {
        assert!(!line(HOSTILE).contains(steers));
        assert_eq!(line("plain ü 日本"), "plain ü 日本");
        assert_eq!(lines("one\ntw\u{1b}o\n"), "one\ntw\u{fffd}o");
    }

    #[test]
    fn json_escapes_and_means_the_same() {
        let mut out = Vec::new();
        let mut serializer = serde_json::Serializer::with_formatter(&mut out, Json::default());
        serde::Serialize::serialize(&[HOSTILE, "\u{e0041}"], &mut serializer).expect("memory");
        let text = String::from_utf8(out).expect("JSON is UTF-8");
        assert!(!text.replace('\n', "").contains(steers), "{text:?}");
        let read: Vec<String> = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read, [HOSTILE, "\u{e0041}"]);
    }

    #[test]
    fn a_cell_is_no_formula() {
        for text in [
            "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1",
        ] {
            let cell = cell(text);
            assert!(cell.starts_with('\''), "{cell:?}");
        }
        assert_eq!(cell("acme-1"), "acme-1");
        assert_eq!(cell("a\u{1b}b"), "a\u{fffd}b");
    }

    #[test]
    fn code_in_a_table_stays_code() {
        assert_eq!(markdown_code("a|b"), "`a\\|b`");
        assert_eq!(markdown_code("`x``y"), "``` `x``y ```");
        assert_eq!(markdown_code(""), "");
    }
}
