//! How an answer with several formats is shown: on standard output or in a file.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use report::page::{self, Page};
use terminal_size::terminal_size_of;

/// Columns where there is no terminal to fit.
const WIDTH: usize = 100;

/// The formats, of which one can be chosen.
#[derive(Debug, Args)]
#[group(id = "format", multiple = false)]
pub(crate) struct FormatArguments {
    /// JSON: everything as data
    #[arg(long, group = "format")]
    pub(crate) json: bool,
    /// CSV: a row for each
    #[arg(long, group = "format")]
    pub(crate) csv: bool,
    /// Markdown, to paste into a ticket
    #[arg(long, group = "format")]
    pub(crate) markdown: bool,
    /// One HTML page that needs nothing else
    #[arg(long, group = "format")]
    pub(crate) html: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Terminal,
    Json,
    Csv,
    Markdown,
    Html,
    Svg,
}

impl FormatArguments {
    /// What was asked for; else what the file's name says; else text.
    pub(crate) fn chosen(&self, output: Option<&Path>) -> Format {
        let asked = [
            (self.json, Format::Json),
            (self.csv, Format::Csv),
            (self.markdown, Format::Markdown),
            (self.html, Format::Html),
        ];
        if let Some((_, format)) = asked.into_iter().find(|(asked, _)| *asked) {
            return format;
        }
        let extension = output.and_then(Path::extension);
        match extension.and_then(|extension| extension.to_str()) {
            Some("json") => Format::Json,
            Some("csv") => Format::Csv,
            Some("md" | "markdown") => Format::Markdown,
            Some("html" | "htm") => Format::Html,
            Some("svg") => Format::Svg,
            _ => Format::Terminal,
        }
    }
}

/// Writes a page in one of its formats.
pub(crate) fn page(
    page: &Page,
    format: Format,
    width: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut out = out;
    match format {
        Format::Markdown => page::markdown(page, &mut out),
        Format::Html => out.write_all(page::html(page).as_bytes()),
        _ => page::terminal(page, width, &mut out),
    }
}

/// Gives `render` where to write and how wide that is.
pub(crate) fn write(
    file: Option<&PathBuf>,
    render: impl FnOnce(&mut dyn Write, usize) -> io::Result<()>,
) -> anyhow::Result<()> {
    let Some(file) = file else {
        let width = terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
        let mut out = anstream::stdout().lock();
        let shown = render(&mut out, width.unwrap_or(WIDTH)).and_then(|()| out.flush());
        return match shown {
            // A reader that has seen enough (`| head`) does not change the verdict.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            shown => Ok(shown?),
        };
    };
    let mut bytes = Vec::new();
    render(&mut anstream::StripStream::new(&mut bytes), WIDTH)?;
    fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))
}
