//! Which interfaces.

use std::str::FromStr;

use nix::net::if_::{if_nameindex, if_nametoindex};

use super::LiveError;

/// Interfaces that can be named at once: each is a comparison in the filter for every packet.
const MOST: usize = 32;
/// The longest name that the kernel gives (IFNAMSIZ, without the NUL).
const LONGEST: usize = 15;

/// Which interfaces packets are taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interfaces {
    /// All of them, those that come later too.
    Any,
    /// These.
    Named(Vec<String>),
}

impl FromStr for Interfaces {
    type Err = String;

    /// `any`, or names with commas between.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut names: Vec<String> = Vec::new();
        for name in text.split(',').map(str::trim) {
            if name == "any" {
                return Ok(Self::Any);
            }
            if name.is_empty() || name.len() > LONGEST || name.contains(['/', ' ', '\0']) {
                return Err(format!(
                    "{name:?} cannot be the name of an interface; write one such as eth0, several as eth0,eth1, or any"
                ));
            }
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        if names.len() > MOST {
            return Err(format!(
                "at most {MOST} interfaces can be named; write any for all"
            ));
        }
        Ok(Self::Named(names))
    }
}

impl std::fmt::Display for Interfaces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Named(names) => f.write_str(&names.join(",")),
        }
    }
}

impl Interfaces {
    /// The numbers that they have now; `None` for all of them. One that is gone has none until it comes back.
    pub(super) fn indexes(&self) -> Option<Vec<u32>> {
        let Self::Named(names) = self else {
            return None;
        };
        let index = |name: &String| if_nametoindex(name.as_str()).ok();
        Some(names.iter().filter_map(index).collect())
    }

    /// Sees to it that all of them are there.
    pub(super) fn check(&self) -> Result<(), LiveError> {
        let Self::Named(names) = self else {
            return Ok(());
        };
        for name in names {
            if if_nametoindex(name.as_str()).is_err() {
                return Err(LiveError::NoInterface {
                    name: name.clone(),
                    known: known(),
                });
            }
        }
        Ok(())
    }
}

fn known() -> String {
    let Ok(all) = if_nameindex() else {
        return "none that can be listed".to_owned();
    };
    let names: Vec<String> = all
        .iter()
        .map(|interface| interface.name().to_string_lossy().into_owned())
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_nonsense_is_refused() {
        let named = |names: &[&str]| {
            Ok(Interfaces::Named(
                names.iter().map(|name| (*name).to_owned()).collect(),
            ))
        };
        assert_eq!("eth0".parse(), named(&["eth0"]));
        assert_eq!("eth0, wg0,eth0".parse(), named(&["eth0", "wg0"]));
        assert_eq!("eth0,any".parse(), Ok(Interfaces::Any));
        for wrong in ["", "eth0,", "a name", "an-interface-of-a-name", "../eth0"] {
            assert!(wrong.parse::<Interfaces>().is_err(), "{wrong}");
        }
    }
}
