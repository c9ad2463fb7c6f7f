//! Who is no customer: health checks, scanners and bots, by rule.
//!
//! A rule only marks: the plan decides about everybody alike. The operator's rules come first; those in
//! `data/visitors.toml` are built in.

use std::net::IpAddr;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, BuildError};
use floor::{Cidr, same_name};
use hello::Offer;
use ledger::Visitor;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

const BUILT_IN: &str = include_str!("../data/visitors.toml");

/// One `[[visitor]]`. All that is given must fit; the first that fits says who it is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct VisitorTable {
    /// Who it is: `health-check`, `scanner`, `bot`, or `customer` for one that a later rule would mark.
    #[serde(rename = "as")]
    pub visitor: Visitor,
    /// Address ranges, one of which it comes from. Default: anywhere.
    #[serde(default, deserialize_with = "ranges")]
    pub address: Vec<Cidr>,
    /// What its User-Agent begins with. Case counts. Default: anything.
    pub user_agent: Option<String>,
    /// What its User-Agent contains. Case counts. Default: anything.
    pub user_agent_contains: Option<String>,
    /// The server name that it asks for; `""` for none. Default: any.
    pub sni: Option<String>,
    /// The path that it requests, without the query. Default: any.
    pub path: Option<String>,
    /// Its JA4 fingerprint. Default: any.
    pub ja4: Option<String>,
    /// `false` for connections on which no hello could be read: port checks, and what is not TLS. Default: both.
    pub hello: Option<bool>,
}

impl<'de> Deserialize<'de> for VisitorTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not this one: `remote` makes one of the same name that reads the keys and compares nothing.
        let rule = Self::deserialize(deserializer)?;
        let by_hello = rule.sni.is_some() || rule.ja4.is_some() || rule.of_request();
        let fault = if rule.address.is_empty() && !by_hello && rule.hello != Some(false) {
            "this rule fits everybody; add `address`, `user_agent`, `user_agent_contains`, `sni`, `path` or `ja4`"
        } else if rule.hello == Some(false) && by_hello {
            "without a hello there is no server name, fingerprint or request; keep `hello = false` or the others"
        } else {
            return Ok(rule);
        };
        Err(D::Error::custom(fault))
    }
}

fn ranges<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Cidr>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMore {
        One(String),
        More(Vec<String>),
    }
    let written = match OneOrMore::deserialize(deserializer)? {
        OneOrMore::One(range) => vec![range],
        OneOrMore::More(ranges) => ranges,
    };
    written
        .iter()
        .map(|range| {
            range.parse().map_err(|error| {
                D::Error::custom(format!("{error}; write it like \"203.0.113.0/24\""))
            })
        })
        .collect()
}

impl VisitorTable {
    /// Whether it takes a request to tell.
    const fn of_request(&self) -> bool {
        self.user_agent.is_some() || self.user_agent_contains.is_some() || self.path.is_some()
    }

    fn fits(&self, seen: &Seen<'_>) -> bool {
        let address = self.address.is_empty()
            || self
                .address
                .iter()
                .any(|range| seen.address.is_some_and(|address| range.contains(address)));
        let hello = match (seen.hello, self.hello) {
            (None, Some(true)) | (Some(_), Some(false)) => false,
            (Some(hello), _) => {
                self.sni
                    .as_deref()
                    .is_none_or(|sni| same_name(hello.sni.unwrap_or_default(), sni))
                    // Last, for it takes longest.
                    && self.fits_request(seen.request)
                    && self
                        .ja4
                        .as_deref()
                        .is_none_or(|ja4| hello::ja4(hello.offer) == ja4)
            }
            (None, _) => self.sni.is_none() && self.ja4.is_none() && !self.of_request(),
        };
        address && hello
    }

    fn fits_request(&self, request: Option<Asked<'_>>) -> bool {
        let Some(Asked { user_agent, path }) = request else {
            return !self.of_request();
        };
        let user_agent = user_agent.unwrap_or_default();
        self.user_agent
            .as_deref()
            .is_none_or(|begins| user_agent.starts_with(begins))
            && self
                .user_agent_contains
                .as_deref()
                .is_none_or(|part| user_agent.contains(part))
            && self.path.as_deref().is_none_or(|wanted| path == wanted)
    }

    /// What is in every User-Agent that it fits, if there is such a thing.
    fn part(&self) -> Option<&str> {
        [&self.user_agent_contains, &self.user_agent]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .find(|part| !part.is_empty())
    }
}

/// What is seen of a visitor.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// Its address; `None` where a record does not have it.
    pub address: Option<IpAddr>,
    /// Its hello, if one could be read.
    pub hello: Option<Hello<'a>>,
    /// Its request, if it has made one.
    pub request: Option<Asked<'a>>,
}

/// What a hello shows.
#[derive(Clone, Copy)]
pub struct Hello<'a> {
    /// The server name that it asks for.
    pub sni: Option<&'a str>,
    /// What it offers.
    pub offer: &'a Offer,
}

/// What a request shows.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Its User-Agent.
    pub user_agent: Option<&'a str>,
    /// Its path, without the query.
    pub path: &'a str,
}

/// The rules in force.
pub struct Visitors {
    rules: Vec<VisitorTable>,
    /// The places of those that do not look at User-Agents.
    any_agent: Vec<usize>,
    /// Finds the others by what is in a User-Agent, all in one pass: trying each in turn takes longer than all the rest
    /// of a sighting.
    parts: AhoCorasick,
    /// The place of the rule that each part is of.
    of_parts: Vec<usize>,
    /// Whether any rule looks at paths: if none does, a request that is like the one before it needs no second look.
    by_path: bool,
}

#[derive(Deserialize)]
struct BuiltIn {
    visitor: Vec<VisitorTable>,
}

#[expect(
    clippy::expect_used,
    reason = "a text of this repository, which a test reads"
)]
static RULES: LazyLock<Vec<VisitorTable>> = LazyLock::new(|| {
    let rules: BuiltIn = toml::from_str(BUILT_IN).expect("the built-in rules are rules");
    rules.visitor
});

impl Visitors {
    /// The operator's rules and those that are built in. Fails where the operator's are more than can be searched for.
    pub fn new(own: &[VisitorTable]) -> Result<Self, BuildError> {
        let rules: Vec<VisitorTable> = own.iter().chain(&*RULES).cloned().collect();
        let (mut any_agent, mut of_parts, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        for (place, rule) in rules.iter().enumerate() {
            match rule.part() {
                Some(part) => {
                    of_parts.push(place);
                    parts.push(part);
                }
                None => any_agent.push(place),
            }
        }
        Ok(Self {
            parts: AhoCorasick::new(parts)?,
            by_path: rules.iter().any(|rule| rule.path.is_some()),
            any_agent,
            of_parts,
            rules,
        })
    }

    /// Who it is, by what is seen so far.
    pub fn who(&self, seen: &Seen<'_>) -> Visitor {
        let user_agent = seen.request.and_then(|request| request.user_agent);
        let by_agent = user_agent
            .into_iter()
            .flat_map(|agent| self.parts.find_overlapping_iter(agent))
            .filter_map(|found| self.of_parts.get(found.pattern().as_usize()));
        // The first rule that fits, wherever it was found.
        by_agent
            .chain(&self.any_agent)
            .filter_map(|&place| Some((place, self.rules.get(place)?)))
            .filter(|(_, rule)| rule.fits(seen))
            .min_by_key(|(place, _)| *place)
            .map_or(Visitor::Customer, |(_, rule)| rule.visitor)
    }

    /// Whether requests of the same User-Agent on one connection can be of different visitors.
    pub fn tells_paths_apart(&self) -> bool {
        self.by_path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hello::{Facts, Version};

    fn offer() -> Offer {
        Offer::from(&Facts {
            legacy_version: Version::TLSV1,
            suites: vec![0x002f],
            ..Facts::default()
        })
    }

    fn visitors(text: &str) -> Visitors {
        let rules: BuiltIn = toml::from_str(text).unwrap();
        Visitors::new(&rules.visitor).unwrap()
    }

    fn who(visitors: &Visitors, address: &str, user_agent: &str, path: &str) -> Visitor {
        let offer = offer();
        visitors.who(&Seen {
            address: Some(address.parse().unwrap()),
            hello: Some(Hello {
                sni: Some("api.example.com"),
                offer: &offer,
            }),
            request: Some(Asked {
                user_agent: Some(user_agent),
                path,
            }),
        })
    }

    #[test]
    fn the_built_in_rules_know_the_usual_visitors() {
        let built_in = Visitors::new(&[]).unwrap();
        for (user_agent, visitor) in [
            ("ELB-HealthChecker/2.0", Visitor::HealthCheck),
            ("GoogleHC/1.0", Visitor::HealthCheck),
            ("kube-probe/1.31", Visitor::HealthCheck),
            ("Consul Health Check", Visitor::HealthCheck),
            (
                "Mozilla/5.0 (compatible; CensysInspect/1.1; +https://about.censys.io/)",
                Visitor::Scanner,
            ),
            ("Mozilla/5.0 zgrab/0.x", Visitor::Scanner),
            (
                "masscan/1.3 (https://github.com/robertdavidgraham/masscan)",
                Visitor::Scanner,
            ),
            (
                "Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)",
                Visitor::Scanner,
            ),
            (
                "SSL Labs (https://www.ssllabs.com/about/assessment.html)",
                Visitor::Scanner,
            ),
            (
                "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
                Visitor::Bot,
            ),
            ("curl/7.88.1", Visitor::Customer),
            ("Python/2.7 requests/2.5.3", Visitor::Customer),
            ("", Visitor::Customer),
        ] {
            assert_eq!(
                who(&built_in, "192.0.2.1", user_agent, "/"),
                visitor,
                "{user_agent}"
            );
        }
    }

    #[test]
    fn a_rule_of_the_operator_comes_first_and_all_of_it_must_fit() {
        let own = visitors(
            r#"
            [[visitor]]
            as = "customer"
            address = "192.0.2.0/24"
            user_agent = "kube-probe/"
            [[visitor]]
            as = "health-check"
            address = ["198.51.100.0/24", "2001:db8::/32"]
            path = "/ping"
            [[visitor]]
            as = "bot"
            sni = "API.example.com."
            user_agent_contains = "crawl"
            "#,
        );
        assert!(own.tells_paths_apart());
        for (address, user_agent, path, visitor) in [
            ("192.0.2.9", "kube-probe/1.31", "/", Visitor::Customer),
            ("203.0.113.9", "kube-probe/1.31", "/", Visitor::HealthCheck),
            ("198.51.100.1", "x", "/ping", Visitor::HealthCheck),
            ("2001:db8::1", "x", "/ping", Visitor::HealthCheck),
            ("198.51.100.1", "x", "/pings", Visitor::Customer),
            ("203.0.113.9", "x", "/ping", Visitor::Customer),
            ("203.0.113.9", "a crawler", "/", Visitor::Bot),
        ] {
            assert_eq!(
                who(&own, address, user_agent, path),
                visitor,
                "{address} {user_agent} {path}"
            );
        }
    }

    #[test]
    fn before_its_request_a_visitor_is_known_by_its_hello_and_without_one_by_its_address() {
        let offer = offer();
        let ja4 = hello::ja4(&offer);
        let own = visitors(&format!(
            "[[visitor]]\nas = \"scanner\"\nja4 = \"{ja4}\"\nsni = \"\"\n[[visitor]]\nas = \"scanner\"\nuser_agent = \"\"\naddress = \"192.0.2.1\""
        ));
        let seen = |address: &str, hello| Seen {
            address: Some(address.parse().unwrap()),
            hello,
            request: None,
        };
        let nameless = Hello {
            sni: None,
            offer: &offer,
        };
        let named = Hello {
            sni: Some("a.example"),
            ..nameless
        };
        for (address, hello, visitor) in [
            ("203.0.113.1", Some(nameless), Visitor::Scanner),
            ("203.0.113.1", Some(named), Visitor::Customer),
            // A rule about requests does not fit before there is one.
            ("192.0.2.1", Some(named), Visitor::Customer),
            ("203.0.113.1", None, Visitor::Customer),
            // Built in.
            ("127.0.0.1", None, Visitor::HealthCheck),
        ] {
            assert_eq!(own.who(&seen(address, hello)), visitor, "{address}");
        }
    }

    #[test]
    fn a_rule_that_says_nothing_or_contradicts_itself_is_a_mistake() {
        for (text, words) in [
            ("as = \"bot\"", "fits everybody"),
            ("as = \"bot\"\nhello = true", "fits everybody"),
            (
                "as = \"bot\"\nhello = false\npath = \"/\"",
                "without a hello",
            ),
            ("as = \"robot\"\npath = \"/\"", "unknown variant"),
            (
                "as = \"bot\"\naddress = \"10.0.0.1/8\"",
                "the range it is in is 10.0.0.0/8",
            ),
        ] {
            let error = toml::from_str::<VisitorTable>(text).unwrap_err();
            assert!(error.to_string().contains(words), "{text}: {error}");
        }
    }
}
