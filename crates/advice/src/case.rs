//! One runtime before one goal: what its rules come to, with what is known of the library under it.

use crate::{
    advise::{Advice, Change, Otherwise, name_of},
    data::{Answer, Family, Fix, Rule, Support, Trust},
    goal::Goal,
    knowledge::{Knowledge, Stack},
    recognise::Runtime,
    template,
    version::Range,
};

/// A runtime of which the family is known.
pub(crate) struct Case<'a> {
    knowledge: &'a Knowledge,
    runtime: &'a Runtime,
    pub(crate) family: &'a Family<'static>,
    /// The rule for its version that needs no further fact.
    rule: Option<&'a Rule>,
    /// Those that do.
    conditional: Vec<&'a Rule>,
    library: Option<Stack<'a>>,
    goal: Goal,
    /// What it offered instead of the goal, in words; `None` when nothing was seen.
    offered: Option<&'a str>,
}

/// What the library under a runtime is known to come to.
enum Under<'a> {
    /// It has the goal.
    Enough,
    /// It does not, and the first release of its family that does.
    TooOld(Option<&'a str>),
    /// It is of this family, which the rule does not speak of: what its own rules say.
    Other(&'a Family<'static>),
    /// It is not known.
    Unknown,
}

impl<'a> Case<'a> {
    pub(crate) fn new(
        knowledge: &'a Knowledge,
        runtime: &'a Runtime,
        goal: Goal,
        offered: Option<&'a str>,
    ) -> Option<Self> {
        let family = knowledge.family(runtime.family)?;
        let (rule, conditional) = match (runtime.version.as_deref(), runtime.versions.as_deref()) {
            (Some(version), _) => family.rules(version),
            (None, Some(span)) => (family.rule_of_span(span), Vec::new()),
            (None, None) => (family.only_rule(), Vec::new()),
        };
        Some(Self {
            knowledge,
            runtime,
            family,
            rule,
            conditional,
            library: runtime
                .library
                .as_deref()
                .and_then(|name| knowledge.stack(name)),
            goal,
            offered,
        })
    }

    pub(crate) fn advice(&self, change: Change, check_url: &str) -> Advice {
        let own = self.rule.and_then(|rule| rule.verify.as_ref());
        let mut summary = change.summary;
        if change.trust == Trust::Unsourced {
            summary
                .push_str(" No published source confirms this: prove it with the command below.");
        }
        Advice {
            summary,
            snippet: change.snippet,
            language: change.language,
            find: Some(self.family.find.clone()),
            verify: template::fill(own.unwrap_or(&self.family.verify), check_url),
            sources: change.sources,
            confidence: change.trust,
        }
    }

    /// Whether it can, with what is known of the library.
    pub(crate) fn support(&self) -> Support {
        let Some(rule) = self.rule else {
            return match self.under(None) {
                Under::Enough => Support::Default,
                Under::TooOld(..) | Under::Other(..) | Under::Unknown => Support::Unknown,
            };
        };
        let answer = rule.answer(self.goal);
        match (answer.support, self.under(Some(answer))) {
            (Support::Depends, Under::Enough) => Support::Default,
            (Support::Depends, Under::TooOld(..)) => Support::Never,
            (support, _) => support,
        }
    }

    /// What to change.
    pub(crate) fn change(&self) -> Change {
        let Some(rule) = self.rule else {
            return match self.under(None) {
                Under::Enough if self.offered.is_some() => self.pinned(),
                _ => self.version_unknown(),
            };
        };
        let answer = rule.answer(self.goal);
        match answer.support {
            Support::Default => self.default(rule),
            Support::OptIn => self.said(
                rule,
                answer,
                format!("{} has {} but leaves it off.", self.name(), self.goal),
            ),
            Support::Never => self.said(
                rule,
                answer,
                format!("{} cannot offer {}.", self.name(), self.goal),
            ),
            Support::Unknown => self.said(
                rule,
                answer,
                format!(
                    "Whether {} offers {} is not recorded here.",
                    self.name(),
                    self.goal
                ),
            ),
            Support::Depends => self.depends(rule, answer),
        }
    }

    /// What else may be.
    pub(crate) fn otherwise(&self) -> Vec<Otherwise> {
        let plain = self.support();
        self.conditional
            .iter()
            .filter_map(|rule| {
                let answer = rule.answer(self.goal);
                if answer.support == plain && answer.fix.is_none() {
                    return None;
                }
                Some(Otherwise {
                    when: rule.condition()?,
                    support: answer.support,
                    fix: self.filled(answer.fix.as_deref().unwrap_or_default()),
                    snippet: answer.snippet.clone(),
                    language: answer.language.clone(),
                })
            })
            .collect()
    }

    fn name(&self) -> String {
        name_of(self.runtime)
    }

    fn filled(&self, text: &str) -> String {
        text.replace("{name}", &self.name())
    }

    fn default(&self, rule: &Rule) -> Change {
        if self.offered.is_some() {
            return self.held_down();
        }
        let again = self.held_by();
        Change {
            summary: format!(
                "Nothing needs changing: {} offers {} by default. Should it fall short all the same: {}",
                self.name(),
                self.goal,
                again.0
            ),
            snippet: None,
            language: None,
            sources: rule.sources.clone(),
            trust: rule.confidence,
        }
    }

    /// It could, and did not: a further fact explains it, or something holds it down.
    fn held_down(&self) -> Change {
        let explains = |rule: &&&Rule| {
            let answer = rule.answer(self.goal);
            matches!(answer.support, Support::OptIn | Support::Never) && answer.fix.is_some()
        };
        match self.conditional.iter().rev().find(explains) {
            Some(rule) => {
                let answer = rule.answer(self.goal);
                let lead = format!(
                    "{} can offer {} but did not: {}.",
                    self.name(),
                    self.goal,
                    rule.condition().unwrap_or_default()
                );
                self.said(rule, answer, lead)
            }
            None => self.pinned(),
        }
    }

    fn pinned(&self) -> Change {
        let (fix, snippet, language, sources) = self.held_by();
        Change {
            summary: format!(
                "{} can offer {} but offered {}: a setting, or something between it and this API, limits it. {fix}",
                self.name(),
                self.goal,
                self.offered.map_or_else(
                    || "less".to_owned(),
                    |offered| match self.goal {
                        Goal::Pq => offered.to_owned(),
                        Goal::Tls12 | Goal::Tls13 => format!("{offered} at most"),
                    }
                ),
            ),
            snippet,
            language,
            sources,
            trust: Trust::Sourced,
        }
    }

    /// Where to look for what holds it down.
    fn held_by(&self) -> (String, Option<String>, Option<String>, Vec<String>) {
        let general = &self.knowledge.general.pinned;
        if self.goal == Goal::Pq {
            // What a family says of pins is about versions.
            return (
                "Search its code and settings for a list of groups or curves, and remove that."
                    .to_owned(),
                None,
                None,
                self.rule
                    .map_or_else(|| general.sources.clone(), |rule| rule.sources.clone()),
            );
        }
        match &self.family.pinned {
            Some(Fix {
                fix,
                snippet,
                language,
                sources,
            }) => (
                fix.clone(),
                snippet.clone(),
                language.clone(),
                sources.clone(),
            ),
            None => (general.summary.clone(), None, None, general.sources.clone()),
        }
    }

    fn depends(&self, rule: &'a Rule, answer: &'a Answer) -> Change {
        match self.under(Some(answer)) {
            Under::Enough if self.offered.is_some() => self.pinned(),
            Under::Enough => self.default(rule),
            Under::TooOld(first_default) => {
                let mut lead = format!(
                    "{} runs on {}, which has no {}",
                    self.name(),
                    self.runtime.library.as_deref().unwrap_or("a library"),
                    self.goal
                );
                let stack = self
                    .library
                    .as_ref()
                    .map(|stack| stack.family.name.as_str());
                if let Some((first, name)) = first_default.zip(stack) {
                    lead.push_str(&format!(": it takes {name} {first} or later"));
                }
                lead.push('.');
                // Where no release has it by itself, one may when told to.
                if let (None, Some(stack)) = (first_default, &self.library) {
                    lead = format!("{lead} {}", first(stack.family, self.goal));
                }
                let mut change = self.said(rule, answer, lead.clone());
                if !change.summary.starts_with(&lead) {
                    change.summary = format!("{lead} {}", change.summary);
                }
                change
            }
            Under::Other(family) => self.as_library(rule, family),
            Under::Unknown => {
                let on: Vec<String> = answer
                    .on
                    .iter()
                    .filter_map(|(id, range)| {
                        let name = &self.knowledge.family(id)?.name;
                        Some(match range.first() {
                            Some(first) => format!("{name} {first} or later"),
                            None => name.clone(),
                        })
                    })
                    .collect();
                let lead = match on.as_slice() {
                    [] => format!(
                        "{} offers {} when what it runs on does; to see that, {}.",
                        self.name(),
                        self.goal,
                        self.family.find
                    ),
                    _ => format!(
                        "{} offers {} with {} under it; to see that, {}.",
                        self.name(),
                        self.goal,
                        on.join(", or "),
                        self.family.find
                    ),
                };
                let mut change = self.said(rule, answer, lead);
                if self.offered.is_some() && self.goal == Goal::Tls12 {
                    change.summary = format!(
                        "{} If all that is in order, something else limits it. {}",
                        change.summary,
                        self.held_by().0
                    );
                }
                change
            }
        }
    }

    /// What a library that is known to be under it needs, where the rule speaks of others.
    fn as_library(&self, rule: &Rule, family: &Family<'static>) -> Change {
        let known = self
            .library
            .as_ref()
            .and_then(|stack| stack.versions.as_ref());
        let says = family.rule.iter().rev().find(|own| {
            own.when.is_empty()
                && known.is_none_or(|known| own.versions.meets(known))
                && own.answer(self.goal).fix.is_some()
        });
        let library = self.runtime.library.as_deref().unwrap_or(&family.name);
        let lead = format!(
            "{} runs on {library}, and offers {} when that does.",
            self.name(),
            self.goal
        );
        let first = first(family, self.goal);
        match says {
            Some(own) => {
                let answer = own.answer(self.goal);
                let fix = answer.fix.as_deref().unwrap_or_default();
                Change {
                    summary: format!("{lead} {first} {}", fix.replace("{name}", library)),
                    snippet: answer.snippet.clone(),
                    language: answer.language.clone(),
                    sources: own.sources.clone(),
                    trust: own.confidence,
                }
            }
            None => Change {
                summary: format!("{lead} {first}"),
                snippet: None,
                language: None,
                sources: family.rule.last().unwrap_or(rule).sources.clone(),
                trust: Trust::Partial,
            },
        }
    }

    /// What a rule says: its own text when that begins with the name, else after `lead`.
    fn said(&self, rule: &Rule, answer: &Answer, lead: String) -> Change {
        let summary = match answer.fix.as_deref() {
            Some(fix) if fix.starts_with("{name}") => self.filled(fix),
            Some(fix) if answer.support == Support::Never && self.goal != Goal::Tls12 => {
                format!("{lead} {} {}", self.filled(fix), self.first())
            }
            Some(fix) => format!("{lead} {}", self.filled(fix)),
            None if matches!(answer.support, Support::Never | Support::Unknown) => {
                format!("{lead} {}", self.first())
            }
            None => lead,
        };
        Change {
            summary,
            snippet: answer.snippet.clone(),
            language: answer.language.clone(),
            sources: rule.sources.clone(),
            trust: rule.confidence,
        }
    }

    fn version_unknown(&self) -> Change {
        let lead = format!(
            "{}, version unknown: to see it, {}.",
            self.runtime.runtime, self.family.find
        );
        let first = self.first();
        let sources = || {
            let rule = self
                .family
                .rule
                .iter()
                .find(|rule| rule.answer(self.goal).support == Support::Default)
                .or(self.family.rule.last());
            rule.map_or_else(Vec::new, |rule| rule.sources.clone())
        };
        match (&self.family.unknown, self.goal) {
            (Some(unknown), Goal::Tls12) => Change {
                summary: format!("{lead} {}", unknown.fix),
                snippet: unknown.snippet.clone(),
                language: unknown.language.clone(),
                sources: unknown.sources.clone(),
                trust: Trust::Sourced,
            },
            (unknown, _) => {
                let known = sources();
                Change {
                    summary: format!("{lead} {first}"),
                    snippet: None,
                    language: None,
                    sources: match unknown {
                        Some(unknown) if known.is_empty() => unknown.sources.clone(),
                        _ => known,
                    },
                    trust: Trust::Partial,
                }
            }
        }
    }

    /// Where the goal begins in this family, by its own rules.
    fn first(&self) -> String {
        first(self.family, self.goal)
    }

    /// What the library under it comes to: by the range that the rule asks of its family, else by that
    /// family's own rules.
    fn under(&self, answer: Option<&'a Answer>) -> Under<'a> {
        let Some(stack) = &self.library else {
            return Under::Unknown;
        };
        let Some(known) = &stack.versions else {
            return Under::Unknown;
        };
        let family = stack.family;
        let needed = answer.and_then(|answer| answer.on.get(family.id));
        match needed {
            _ if family.id == self.family.id => by_rules(known, family, self.goal),
            Some(needed) if needed.covers(known) => Under::Enough,
            Some(needed) if !needed.meets(known) => Under::TooOld(needed.first()),
            None => match (by_rules(known, family, self.goal), answer) {
                (Under::Unknown, Some(_)) => Under::Other(family),
                (found, _) => found,
            },
            Some(_) => Under::Unknown,
        }
    }
}

/// Where the goal begins in a family, by its own rules.
fn first(family: &Family<'_>, goal: Goal) -> String {
    let name = &family.name;
    let first = |support| {
        let rule = family
            .rule
            .iter()
            .find(|rule| rule.when.is_empty() && rule.answer(goal).support == support)?;
        Some(rule.versions.first().unwrap_or("every"))
    };
    match (
        first(Support::Default),
        first(Support::Depends),
        first(Support::OptIn),
    ) {
        (Some("every"), ..) => format!("Every {name} offers {goal} by default."),
        (Some(first), ..) => format!("{name} {first} and later offer {goal} by default."),
        (None, Some("every"), _) => {
            format!("{name} offers {goal} when what it runs on does.")
        }
        (None, Some(first), _) => {
            format!("{name} {first} and later offer {goal} when what they run on does.")
        }
        (None, None, Some(first)) => {
            format!("{name} {first} and later can be told to offer {goal}.")
        }
        (None, None, None) => {
            format!("No release of {name} is recorded here as offering {goal}.")
        }
    }
}

/// What a span of releases comes to by its family's own rules.
fn by_rules<'a>(known: &Range, family: &'a Family<'static>, goal: Goal) -> Under<'a> {
    let mut supports = family
        .rule
        .iter()
        .filter(|rule| rule.when.is_empty() && rule.versions.meets(known))
        .map(|rule| rule.answer(goal).support);
    let Some(first) = supports.next() else {
        return Under::Unknown;
    };
    match (first, supports.all(|support| support == first)) {
        (Support::Default, true) => Under::Enough,
        (Support::Never, true) => Under::TooOld(family.first_default(goal)),
        _ => Under::Unknown,
    }
}

impl Family<'_> {
    /// The rule that covers a whole span of releases.
    fn rule_of_span(&self, span: &str) -> Option<&Rule> {
        let span = self.range(span)?;
        self.rule
            .iter()
            .find(|rule| rule.when.is_empty() && rule.versions.covers(&span))
    }

    /// The rule of a family that has but one.
    fn only_rule(&self) -> Option<&Rule> {
        let mut plain = self.rule.iter().filter(|rule| rule.when.is_empty());
        plain
            .next()
            .filter(|rule| plain.next().is_none() && rule.versions.first().is_none())
    }

    /// The first release that offers the goal untouched.
    fn first_default(&self, goal: Goal) -> Option<&str> {
        self.rule
            .iter()
            .find(|rule| rule.when.is_empty() && rule.answer(goal).support == Support::Default)?
            .versions
            .first()
    }
}
