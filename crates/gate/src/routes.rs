//! From a server name to the services behind it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::pool::{Manner, Pool};
use crate::settings::{Listener, Pattern};

/// Which services take which names.
pub(crate) struct Routes {
    exact: HashMap<Box<str>, Arc<Pool>>,
    below: HashMap<Box<str>, Arc<Pool>>,
    default: Option<Arc<Pool>>,
}

impl Routes {
    pub(crate) fn new(listener: &Listener) -> Self {
        let manner = Manner {
            health: listener.health,
            balance: listener.balance,
            tells: listener.send_proxy_protocol,
        };
        let mut routes = Self {
            exact: HashMap::new(),
            below: HashMap::new(),
            default: (!listener.upstream.is_empty()).then(|| Pool::new(&listener.upstream, manner)),
        };
        for route in listener.route.iter().map(toml::Spanned::get_ref) {
            let (names, name) = match route.sni.get_ref() {
                Pattern::Exact(name) => (&mut routes.exact, name),
                Pattern::Below(name) => (&mut routes.below, name),
            };
            let manner = Manner {
                balance: route.balance.unwrap_or(manner.balance),
                tells: route.send_proxy_protocol.unwrap_or(manner.tells),
                ..manner
            };
            names.insert(name.clone(), Pool::new(&route.upstream, manner));
        }
        routes
    }

    /// The services for a name in lower case, or for none.
    pub(crate) fn find(&self, sni: Option<&str>) -> Option<&Arc<Pool>> {
        let sni = sni.map(|sni| sni.strip_suffix('.').unwrap_or(sni));
        sni.and_then(|sni| self.exact.get(sni).or_else(|| self.find_below(sni)))
            .or(self.default.as_ref())
    }

    fn find_below(&self, sni: &str) -> Option<&Arc<Pool>> {
        if self.below.is_empty() {
            return None;
        }
        let parents = std::iter::successors(sni.split_once('.'), |(_, name)| name.split_once('.'));
        parents
            .filter(|(label, _)| !label.is_empty())
            .find_map(|(_, name)| self.below.get(name))
    }

    pub(crate) fn pools(&self) -> impl Iterator<Item = &Arc<Pool>> {
        self.exact
            .values()
            .chain(self.below.values())
            .chain(self.default.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_that_fits_is_taken() {
        let listener: Listener = toml::from_str(
            r#"
            mode = "gate"
            upstream = ["127.0.0.1:1"]
            route = [
                { sni = "api.example.com", upstream = ["127.0.0.1:2"] },
                { sni = "*.example.com", upstream = ["127.0.0.1:3"] },
                { sni = "*.eu.example.com", upstream = ["127.0.0.1:4"] },
            ]
            "#,
        )
        .unwrap();
        assert_eq!(listener.faults(), []);
        let routes = Routes::new(&listener);
        for (sni, port) in [
            (None, "127.0.0.1:1"),
            (Some("example.com"), "127.0.0.1:1"),
            (Some("example.org"), "127.0.0.1:1"),
            (Some("api.example.com"), "127.0.0.1:2"),
            (Some("api.example.com."), "127.0.0.1:2"),
            (Some("a.api.example.com"), "127.0.0.1:3"),
            (Some("b.eu.example.com"), "127.0.0.1:4"),
            (Some(".example.com"), "127.0.0.1:1"),
            (Some("..."), "127.0.0.1:1"),
        ] {
            let pool = routes.find(sni).expect("the default");
            assert_eq!(pool.services[0].target.to_string(), port, "{sni:?}");
        }
    }
}
