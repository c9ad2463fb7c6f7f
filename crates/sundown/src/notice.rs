//! `sundown notice`: the public announcement of a plan, ready to be sent.

mod arguments;
mod changes;
pub(crate) mod content;
pub(crate) mod dates;
pub(crate) mod document;
pub(crate) mod html;
mod markdown;
mod reasons;
pub(crate) mod template;
pub(crate) mod testing;
pub(crate) mod text;

use std::fs;
use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};
use edge::Clock;

use arguments::Format;
pub(crate) use arguments::NoticeArguments;
use content::Subject;
use document::Document;

use crate::config::{self, Config};

/// The key that decides shares is not needed to announce a plan.
const NO_KEY: [u8; 16] = [0; 16];

pub(crate) fn run(arguments: &NoticeArguments) -> anyhow::Result<ExitCode> {
    let Config { plan, settings, .. } = config::load(arguments.config.as_deref(), NO_KEY)?;
    if plan.sunsets.is_empty() {
        bail!("the plan retires nothing, so there is nothing to announce; add a [[sunset]]");
    }
    let now = arguments.as_of.unwrap_or_else(|| Clock::default().now());
    let path = settings
        .answers
        .ssl
        .first()
        .map_or("/ssl/", |path| path.as_str());
    let subject = Subject {
        plan: &plan,
        now,
        service: &arguments.service,
        url: arguments.url.trim_end_matches('/'),
        path,
        status: settings.answers.explain_status,
    };
    let document = content::document(&subject);
    let text = match &arguments.template {
        Some(file) => {
            let source = fs::read_to_string(file)
                .with_context(|| format!("{}: the template cannot be read", file.display()))?;
            template::fill(&source, file, &document, &subject, arguments.format)?
        }
        None => render(&document, arguments.format),
    };
    match &arguments.output {
        Some(file) => fs::write(file, text)
            .with_context(|| format!("{}: the notice cannot be written", file.display()))?,
        None => write!(std::io::stdout().lock(), "{text}")?,
    }
    Ok(ExitCode::SUCCESS)
}

fn render(document: &Document, format: Format) -> String {
    match format {
        Format::Markdown => markdown::whole(document),
        Format::Html => html::whole(document),
        Format::Text => text::whole(document),
    }
}
