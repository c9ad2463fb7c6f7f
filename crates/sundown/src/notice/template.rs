//! The operator's words, with ours where their template says.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};

use super::arguments::Format;
use super::content::Subject;
use super::dates::day;
use super::document::Document;
use super::{html, markdown, text};

/// Steps that a template may take: more than any that ends, and it always ends.
const FUEL: u64 = 1_000_000;

pub(super) fn fill(
    source: &str,
    file: &Path,
    document: &Document,
    subject: &Subject<'_>,
    format: Format,
) -> anyhow::Result<String> {
    let render = match format {
        Format::Markdown => markdown::section,
        Format::Html => html::section,
        Format::Text => text::section,
    };
    let sections: BTreeMap<&str, Value> = document
        .sections
        .iter()
        .map(|section| (section.name, Value::from_safe_string(render(section))))
        .collect();
    let notice: Vec<String> = document.sections.iter().map(render).collect();
    let sunsets = &subject.plan.sunsets;
    let end = sunsets.iter().filter_map(|sunset| sunset.ends_at()).min();
    let contact = sunsets.iter().find_map(|sunset| sunset.contact.clone());

    filled(
        source,
        file,
        format == Format::Html,
        context! {
            notice => Value::from_safe_string(notice.concat()),
            title => &document.title,
            service => subject.service,
            url => subject.url,
            check_url => subject.check_url(),
            date => end.map(day).unwrap_or_default(),
            contact => contact.unwrap_or_default(),
            sections,
        },
    )
}

/// A template, filled with `values`; in HTML, what is not known to be safe is escaped.
pub(crate) fn filled(
    source: &str,
    file: &Path,
    html: bool,
    values: Value,
) -> anyhow::Result<String> {
    let name = file.display().to_string();
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    // A name that is written wrongly must not leave a hole in what is sent.
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(move |_| {
        if html {
            AutoEscape::Html
        } else {
            AutoEscape::None
        }
    });
    environment
        .add_template_owned(name.clone(), source.to_owned())
        .with_context(|| format!("{name}: the template cannot be used"))?;
    let mut text = environment
        .get_template(&name)?
        .render(values)
        .with_context(|| format!("{name}: the template cannot be filled"))?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}
