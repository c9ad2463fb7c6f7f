//! What a data file must be, beyond its form.

use crate::data::{Answer, Family, Rule, Support, Trust};
use crate::goal::Goal;

/// What is wrong with one file, and what to write instead.
pub(crate) fn family(family: &Family<'_>) -> Result<(), String> {
    if family.rule.is_empty() {
        return Err("it has no [[rule]]; write at least one".to_owned());
    }
    apart(&family.rule)?;
    for rule in &family.rule {
        let text = &rule.versions.text;
        for goal in Goal::ALL {
            answer(rule.answer(goal)).map_err(|problem| format!("`{text}`, {goal}: {problem}"))?;
        }
        if (rule.confidence == Trust::Unsourced) != rule.sources.is_empty() {
            return Err(format!(
                "`{text}`: sources and confidence disagree; confidence = \"unsourced\" goes with sources = []"
            ));
        }
        sources(&rule.sources).map_err(|problem| format!("`{text}`: {problem}"))?;
        if rule.tls12.support == Support::Never && rule.tls13.support != Support::Never {
            return Err(format!("`{text}`: TLSv1.3 without TLSv1.2"));
        }
    }
    for fix in [&family.unknown, &family.pinned, &family.suites]
        .into_iter()
        .flatten()
    {
        snippet(fix.snippet.as_deref(), fix.language.as_deref())?;
        sources(&fix.sources)?;
    }
    Ok(())
}

/// Rules ascend, and two that cover one release are told apart by a fact: of those without facts none
/// overlap, and no two with facts have the same.
fn apart(rules: &[Rule]) -> Result<(), String> {
    for (index, rule) in rules.iter().enumerate() {
        for other in rules.iter().skip(index + 1) {
            let plain = rule.when.is_empty() && other.when.is_empty();
            if rule.versions.meets(&other.versions) && rule.when == other.when {
                return Err(format!(
                    "`{}` and `{}` overlap and no fact separates them; let the later start where the earlier ends, or name the fact under `when`",
                    rule.versions.text, other.versions.text
                ));
            }
            if plain && rule.versions.from > other.versions.from {
                return Err(format!(
                    "`{}` stands before `{}`; write the older first",
                    rule.versions.text, other.versions.text
                ));
            }
        }
    }
    Ok(())
}

fn answer(answer: &Answer) -> Result<(), String> {
    snippet(answer.snippet.as_deref(), answer.language.as_deref())?;
    match answer.support {
        Support::OptIn if answer.fix.is_none() => {
            Err("\"opt-in\" needs a `fix`: how it is switched on".to_owned())
        }
        support if support != Support::Depends && !answer.on.is_empty() => {
            Err("`on` goes with support = \"depends\"".to_owned())
        }
        _ => Ok(()),
    }
}

fn snippet(snippet: Option<&str>, language: Option<&str>) -> Result<(), String> {
    match (snippet, language) {
        (Some(text), None) => Err(format!(
            "`{text}` is in no language; name it under `language`"
        )),
        (None, Some(language)) => Err(format!("language = {language:?} without a snippet")),
        _ => Ok(()),
    }
}

fn sources(sources: &[String]) -> Result<(), String> {
    let is_address = |source: &&String| {
        // Some old pages never had a certificate.
        let page = source
            .strip_prefix("https://")
            .or_else(|| source.strip_prefix("http://"));
        page.is_some_and(|page| {
            page.split('/').next().unwrap_or_default().contains('.')
                && !source.contains(char::is_whitespace)
        })
    };
    match sources.iter().find(|source| !is_address(source)) {
        Some(source) => Err(format!("`{source}` is no address of a page")),
        None => Ok(()),
    }
}

/// What is wrong between the files: names of libraries that are none, and ranges of them that do not give
/// what is said to depend on them.
pub(crate) fn together(families: &[Family<'_>]) -> Result<(), (String, String)> {
    let find = |id: &str| families.iter().find(|family| family.id == id);
    for family in families {
        let said = |problem| (family.id.to_owned(), problem);
        for id in &family.libraries {
            if find(id).is_none() {
                return Err(said(format!(
                    "no family has the id `{id}`; add its file or mend the name"
                )));
            }
        }
        for rule in &family.rule {
            for goal in Goal::ALL {
                for (id, range) in &rule.answer(goal).on {
                    let library = find(id).ok_or_else(|| {
                        said(format!(
                            "`on` names `{id}`, which no family has as its id; add its file or mend the name"
                        ))
                    })?;
                    let first = range.first().unwrap_or("0");
                    let gives = library
                        .plain_rule(first)
                        .map(|rule| rule.answer(goal).support);
                    if matches!(gives, None | Some(Support::Never)) && range.first().is_some() {
                        return Err(said(format!(
                            "`{}` depends on {id} {} for {goal}, and {id} {first} does not have it",
                            rule.versions.text, range.text
                        )));
                    }
                }
            }
        }
    }
    Ok(())
}
