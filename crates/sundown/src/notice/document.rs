//! A notice before it is Markdown, HTML or text.

/// The whole.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) title: String,
    pub(crate) sections: Vec<Section>,
}

/// A part that a template can place by itself.
#[derive(Debug)]
pub(crate) struct Section {
    /// Its name in templates.
    pub(crate) name: &'static str,
    /// Its heading; the first has none.
    pub(crate) heading: Option<&'static str>,
    pub(crate) blocks: Vec<Block>,
}

/// A piece of it. In all text, what stands between backticks is code, and an address is a link.
#[derive(Debug)]
pub(crate) enum Block {
    Paragraph(String),
    /// A heading within the section.
    Heading(String),
    List(Vec<String>),
    Table {
        head: Vec<&'static str>,
        rows: Vec<Vec<String>>,
    },
    /// A command, whole.
    Code(String),
}

/// A cell with nothing in it; plain text leaves it out.
pub(crate) const NONE: &str = "–";

/// A run of text within a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run<'a> {
    Words(&'a str),
    Code(&'a str),
    Link(&'a str),
}

/// A line as its runs. A backtick without a partner is a backtick.
pub(crate) fn runs(line: &str) -> Vec<Run<'_>> {
    let mut runs = Vec::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('`') {
        let Some((code, after)) = after.split_once('`') else {
            break;
        };
        links(before, &mut runs);
        runs.push(Run::Code(code));
        rest = after;
    }
    links(rest, &mut runs);
    runs
}

fn links<'a>(words: &'a str, runs: &mut Vec<Run<'a>>) {
    let mut rest = words;
    while let Some(start) = rest.find("https://") {
        let (before, from) = rest.split_at(start);
        let end = from
            .find(|c: char| c.is_whitespace() || matches!(c, ',' | ')' | ';'))
            .unwrap_or(from.len());
        let (address, after) = from.split_at(end);
        // A sentence may end with an address.
        let trimmed = address.trim_end_matches(['.', ':']);
        let (address, after) = match from.get(trimmed.len()..) {
            Some(after_trimmed) => (trimmed, after_trimmed),
            None => (address, after),
        };
        if !before.is_empty() {
            runs.push(Run::Words(before));
        }
        runs.push(Run::Link(address));
        rest = after;
    }
    if !rest.is_empty() {
        runs.push(Run::Words(rest));
    }
}

/// A snippet as inline code, lines apart where it has several.
pub(crate) fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_links_are_found() {
        assert_eq!(
            runs("run `a b` at https://x.example/ssl/. Done"),
            [
                Run::Words("run "),
                Run::Code("a b"),
                Run::Words(" at "),
                Run::Link("https://x.example/ssl/"),
                Run::Words(". Done")
            ]
        );
        assert_eq!(runs("a ` b"), [Run::Words("a ` b")]);
        assert_eq!(runs(""), []);
    }
}
