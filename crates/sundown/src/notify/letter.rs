//! A letter, ready to be handed over: its text, its HTML and its mail.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use ledger::people::{Letter as Record, LetterState};
use lettre::Address;
use lettre::message::header::{ContentTransferEncoding, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};
use minijinja::{Value, context};
use sha2::{Digest, Sha256};

use super::choose::Chosen;
use super::compose::{Page, SECTIONS};
use super::unsubscribe::{OneClick, Unsubscribe};
use crate::notice::content::Subject;
use crate::notice::dates::day;
use crate::notice::document::{Document, Section};
use crate::notice::{html, template, text};

/// The operator's words around ours.
#[derive(Debug)]
pub(super) struct Template<'a> {
    pub(super) file: &'a Path,
    pub(super) source: String,
}

/// What is put around a letter.
#[derive(Debug, Default)]
pub(super) struct Templates<'a> {
    pub(super) text: Option<Template<'a>>,
    pub(super) html: Option<Template<'a>>,
}

/// A letter.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) account: String,
    pub(super) sunset: String,
    pub(super) occasion: String,
    pub(super) to: Address,
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: Option<String>,
    /// The private page of the account. It is a secret: it is in no record.
    pub(super) page: Option<String>,
    /// How its receiver asks for no more of them.
    pub(super) unsubscribe: Option<Unsubscribe>,
    /// What tells it from all others: the same for the same account, sunset and occasion.
    pub(super) id: String,
}

impl Letter {
    pub(super) fn new(
        chosen: &Chosen<'_>,
        document: &Document,
        subject: &Subject<'_>,
        page: Option<&Page>,
        templates: &Templates<'_>,
    ) -> anyhow::Result<Self> {
        let fill = |template: &Template<'_>, html: bool, render: fn(&Section) -> String| {
            let values = values(chosen, document, subject, page, render);
            template::filled(&template.source, template.file, html, values)
        };
        let text = match &templates.text {
            Some(template) => fill(template, false, text::section)?,
            None => text::whole(document),
        };
        let html = match (&templates.html, &templates.text) {
            (Some(template), _) => Some(fill(template, true, html::section)?),
            // Whose text is the operator's must not say something else in HTML.
            (None, Some(_)) => None,
            (None, None) => Some(html::whole(document)),
        };
        Ok(Self {
            account: chosen.account.clone(),
            sunset: chosen.sunset.name.clone(),
            occasion: chosen.occasion.clone(),
            to: chosen.to.clone(),
            subject: document.title.clone(),
            text,
            html,
            page: page.map(|page| page.link.clone()),
            unsubscribe: None,
            id: id(&[&chosen.account, &chosen.sunset.name, &chosen.occasion]),
        })
    }

    /// Its Message-ID (RFC 5322 section 3.6.4), within the domain of the sender.
    pub(super) fn message_id(&self, from: Option<&Mailbox>) -> String {
        let domain = from.map_or("sundown.invalid", |from| from.email.domain());
        format!("<{}@{domain}>", self.id)
    }

    /// It as a mail.
    pub(super) fn mail(&self, from: &Mailbox) -> anyhow::Result<Message> {
        let part = |text: &str, kind| {
            SinglePart::builder()
                .content_type(kind)
                // Lines of any length, and text that is not ASCII, through any server.
                .header(ContentTransferEncoding::QuotedPrintable)
                .body(text.to_owned())
        };
        use lettre::message::header::ContentType;
        let plain = part(&self.text, ContentType::TEXT_PLAIN);
        let mail = Message::builder()
            .from(from.clone())
            .to(Mailbox::new(None, self.to.clone()))
            .subject(&self.subject)
            .message_id(Some(self.message_id(Some(from))))
            .date_now()
            .header(AutoSubmitted);
        let mail = match &self.unsubscribe {
            Some(Unsubscribe { list, one_click }) => {
                let mail = mail.header(list.clone());
                if *one_click {
                    mail.header(OneClick)
                } else {
                    mail
                }
            }
            None => mail,
        };
        let mail = match &self.html {
            Some(html) => mail.multipart(
                MultiPart::alternative()
                    .singlepart(plain)
                    .singlepart(part(html, ContentType::TEXT_HTML)),
            ),
            None => mail.singlepart(plain),
        };
        mail.with_context(|| format!("the letter to {:?} cannot be a mail", self.account))
    }

    /// What is recorded of it.
    pub(super) fn record(
        &self,
        recipient: String,
        message_id: String,
        now: jiff::Timestamp,
    ) -> Record {
        Record {
            account: self.account.clone(),
            sunset: self.sunset.clone(),
            occasion: self.occasion.clone(),
            recipient,
            message_id,
            begun: now,
            ended: None,
            state: LetterState::Begun,
        }
    }
}

/// A hash over parts, each with its length before it.
fn id(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash = hash.finalize();
    let hex = hash.iter().take(16).map(|byte| format!("{byte:02x}"));
    hex.collect()
}

fn values(
    chosen: &Chosen<'_>,
    document: &Document,
    subject: &Subject<'_>,
    page: Option<&Page>,
    render: fn(&Section) -> String,
) -> Value {
    let rendered: Vec<String> = document.sections.iter().map(render).collect();
    // All of them, so that one template does for every letter.
    let mut sections: BTreeMap<&str, Value> = SECTIONS
        .into_iter()
        .map(|name| (name, Value::from_safe_string(String::new())))
        .collect();
    for (section, text) in document.sections.iter().zip(&rendered) {
        sections.insert(section.name, Value::from_safe_string(text.clone()));
    }
    let sunset = chosen.sunset;
    context! {
        letter => Value::from_safe_string(rendered.concat()),
        title => &document.title,
        account => report::printable(&chosen.account),
        service => subject.service,
        check_url => subject.check_url(),
        date => sunset.ends_at().map(day).unwrap_or_default(),
        page_url => page.map(|page| page.link.as_str()).unwrap_or_default(),
        contact => sunset.contact.clone().unwrap_or_default(),
        occasion => chosen.occasion.split(':').next().unwrap_or_default(),
        sections,
    }
}

/// No person wrote it, so that no vacation is answered to it (RFC 3834 section 5).
#[derive(Clone, Debug)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
