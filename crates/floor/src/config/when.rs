//! Dates and lengths of time, as a plan writes them.

use jiff::civil::Date;
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::{Deserialize, Deserializer, de};

/// A moment: a date, which is midnight UTC, or a date and time with `Z`, an offset or a zone (RFC 3339, and
/// RFC 9557 for zones). A string or a date-time of TOML's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When(pub String);

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => Ok(Self(text)),
            toml::Value::Datetime(moment) => Ok(Self(moment.to_string())),
            other => Err(de::Error::custom(format!(
                "a date is wanted, not {} {}; write one such as \"2026-12-15\" or \"2026-12-15T09:00Z\"",
                if matches!(other, toml::Value::Integer(_) | toml::Value::Array(_)) {
                    "an"
                } else {
                    "a"
                },
                other.type_str()
            ))),
        }
    }
}

impl When {
    /// The moment, or what is wrong with the text.
    ///
    /// # Errors
    ///
    /// When the text is no date, or a date and time that do not say in which zone.
    pub fn moment(&self) -> Result<Timestamp, String> {
        let text = self.0.as_str();
        if let Ok(date) = text.parse::<Date>()
            && text.len() == DATE.len()
        {
            return TimeZone::UTC
                .to_timestamp(date.at(0, 0, 0, 0))
                .map_err(|error| error.to_string());
        }
        let moment = if text.contains('[') {
            DateTimeParser::new()
                .parse_zoned_datetime_with(&TimeZoneDatabase::bundled(), text)
                .map(|zoned| zoned.timestamp())
        } else {
            text.parse::<Timestamp>()
        };
        moment.map_err(|error| match text.parse::<jiff::civil::DateTime>() {
            Ok(_) if !text.contains('[') => format!("`{text}` does not say in which zone"),
            _ => format!("`{text}` is no date: {error}"),
        })
    }
}

/// The form of a date. One is told from a time by its length: the parser takes a time for its date too.
const DATE: &str = "YYYY-MM-DD";

/// A length of time: "10m", "1h 30m", "2 days". A day is 24 hours.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Length(pub String);

impl Length {
    /// The length, or what is wrong with the text.
    ///
    /// # Errors
    ///
    /// When the text is no length of time, or one in months or years.
    pub fn duration(&self) -> Result<SignedDuration, String> {
        let span: Span = self
            .0
            .parse()
            .map_err(|error: jiff::Error| format!("`{}` is no length of time: {error}", self.0))?;
        span.to_duration(SpanRelativeTo::days_are_24_hours())
            .map_err(|error| format!("`{}` is no fixed length of time: {error}", self.0))
    }
}
