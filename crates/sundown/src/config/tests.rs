use super::*;
use std::fmt::Debug;

/// What is said of a text: `line N: key: message (help)`, each problem in turn.
fn said(text: &str) -> Vec<String> {
    let problems = parse(text, [0; 16]).err().unwrap_or_default();
    let said = problems.iter().map(|problem| {
        let (line, _) = problem.position(text);
        format!("line {line}: {problem}")
    });
    said.collect()
}

const SUNSET: &str = "[[sunset]]\nname = \"old\"\nfloor = \"tls1.2\"\n";

/// Every mistake is told with its line, its key and what to do.
#[test]
fn mistakes_are_told_with_line_key_and_remedy() {
    let mut wrong = Vec::new();
    let listener = "[[listener]]\naddress = \"127.0.0.1:0\"\n";
    let brownout = "[[sunset.brownout]]\nfrom = \"2026-12-01\"\n";
    let exception = "[[exception]]\nsni = \"a\"\nsunset = \"old\"\n";
    for (text, expected) in [
        // Unknown keys, in every table.
        (
            "[[sunst]]\n".to_owned(),
            "line 1: sunst: there is no key `sunst` here (did you mean `sunset`? known here: listener, account, privacy, limits, answers, guard, admin, ledger, console, links, visitor, sunset, exception, preview, cohort)",
        ),
        (
            format!("{SUNSET}refse = \"2027-01-01\"\n"),
            "line 4: sunset[0].refse: there is no key `refse` here (did you mean `refuse`?",
        ),
        (
            format!("{SUNSET}{brownout}til = \"2026-12-02\"\n"),
            "line 6: sunset[0].brownout[0].til: there is no key `til` here (",
        ),
        (
            format!("{SUNSET}{exception}util = \"2027-01-01\"\n"),
            "line 7: exception[0].util: there is no key `util` here (did you mean `until`?",
        ),
        (
            "[[preview]]\nsnl = \"a\"\n".to_owned(),
            "line 2: preview[0].snl: there is no key `snl` here (did you mean `sni`?",
        ),
        (
            format!("{listener}upstreams = []\n"),
            "line 3: listener[0].upstreams: there is no key `upstreams` here (did you mean `upstream`?",
        ),
        (
            format!("{listener}certificates = [{{ cert = \"a\", kye = \"b\" }}]\n"),
            "line 3: listener[0].certificates[0].kye: there is no key `kye` here (did you mean `key`?",
        ),
        (
            "[account]\nsource = []\n".to_owned(),
            "line 2: account.source: there is no key `source` here (did you mean `sources`?",
        ),
        (
            "[privacy]\naddress = \"whole\"\n".to_owned(),
            "line 2: privacy.address: there is no key `address` here (did you mean `addresses`?",
        ),
        (
            "[limits]\nhelo = \"1s\"\n".to_owned(),
            "line 2: limits.helo: there is no key `helo` here (did you mean `hello`?",
        ),
        (
            "[ledger]\nhour = \"35d\"\n".to_owned(),
            "line 2: ledger.hour: there is no key `hour` here (did you mean `hourly`?",
        ),
        (
            "[ledger]\ndaily = \"two years\"\n".to_owned(),
            "line 2: ledger.daily: \"two years\" is no number of days (write one like \"35d\"",
        ),
        (
            "[ledger]\nclients_per_day = 0\n".to_owned(),
            "line 2: ledger.clients_per_day: with 0 nothing would be kept apart",
        ),
        (
            "[answers]\nreport = 1\n".to_owned(),
            "line 2: answers.report: there is no key `report` here (did you mean `reports`?",
        ),
        (
            "[[sunset]]\nname = \"old\"\nfloor = { min = \"TLSv1.2\", suits = [] }\n".to_owned(),
            "line 3: sunset[0].floor.suits: there is no key `suits` here (did you mean `suites`?",
        ),
        // Keys that are missing.
        (
            "[[sunset]]\nfloor = \"tls1.2\"\n".to_owned(),
            "line 1: sunset[0].name: is missing (add `name = \"TLS 1.0 and 1.1\"`",
        ),
        (
            "\n[[sunset]]\nname = \"old\"\n".to_owned(),
            "line 2: sunset[0].floor: is missing (add `floor = \"tls1.2\"`",
        ),
        (
            format!("{SUNSET}{brownout}"),
            "line 4: sunset[0].brownout[0].to: is missing (add `to =",
        ),
        (
            format!("{SUNSET}{exception}"),
            "line 4: exception[0].until: is missing (add `until =",
        ),
        (
            "[[preview]]\nsni = \"a\"\n".to_owned(),
            "line 1: preview[0].at: is missing (add `at =",
        ),
        (
            format!("{listener}certificates = [{{ cert = \"a\" }}]\n"),
            "line 3: listener[0].certificates[0].key: is missing (add `key =",
        ),
        // Values of the wrong type or form.
        (
            format!("{listener}upstream = \"http://a\"\n"),
            "line 3: listener[0].upstream: invalid type: string \"http://a\", expected a sequence (write a list, in brackets",
        ),
        (
            "[[sunset]]\nname = 5\nfloor = \"tls1.2\"\n".to_owned(),
            "line 2: sunset[0].name: invalid type: integer `5`, expected a string (write a text, in quotes",
        ),
        (
            "[[listener]]\naddress = \"localhost\"\n".to_owned(),
            "line 2: listener[0].address: invalid socket address syntax (write an address and a port",
        ),
        (
            format!("{listener}mode = \"gate\"\n"),
            "line 1: listener[0].upstream: a gate has nothing behind it",
        ),
        (
            format!("{listener}mode = \"bridge\"\n"),
            "line 3: listener[0].mode: `bridge` is not known here (known here: edge, gate)",
        ),
        (
            format!("{listener}upstream = [\"ftp://a\"]\n"),
            "line 3: listener[0].upstream: upstream \"ftp://a\" has no http://, https:// or h2c:// (write it as http://",
        ),
        (
            "[answers]\nexplain_status = 429\n".to_owned(),
            "line 2: answers.explain_status: clients misread 429 (they retry, ask for credentials or upgrade) (403 is understood by all)",
        ),
        (
            "[answers]\nssl = [\"/ssl/\", \"ssl\"]\n".to_owned(),
            "line 2: answers.ssl: path \"ssl\" does not begin and end with a slash (write it like \"/ssl/\")",
        ),
        (
            "[limits]\nhello = \"soon\"\n".to_owned(),
            "line 2: limits.hello: \"soon\" is no length of time",
        ),
        (
            "[limits]\nhello = \"0s\"\n".to_owned(),
            "line 2: limits.hello: \"0s\" is no time at all (write a length of time above zero, like \"10s\")",
        ),
        (
            "[account]\nsources = [\"cookie\"]\n".to_owned(),
            "line 2: account.sources: account source \"cookie\" is not known (the sources are \"header:NAME\"",
        ),
        (
            "[account.names]\nacme = [\"abc\"]\n".to_owned(),
            "line 2: account.names.acme: \"abc\" is no SHA-256 in hex (64 digits) (make one with: printf",
        ),
        (
            "[account]\nsources = [\"range\"]\n".to_owned(),
            "line 1: account: the source \"range\" has no ranges (add `ranges = \"ranges.csv\"`",
        ),
        (
            "[account]\nsources = [\"bearer:sub\"]\n[account.jwks]\nurl = \"http://a.example/keys\"\n"
                .to_owned(),
            "line 3: account.jwks: url \"http://a.example/keys\" can be changed on its way here (use https://",
        ),
        (
            "[account]\ntoken_paths = [\"token\"]\n".to_owned(),
            "line 2: account.token_paths: \"token\" is no path (write it like \"/oauth/token\")",
        ),
        (
            "[[visitor]]\nas = \"robot\"\n".to_owned(),
            "line 2: visitor[0].as: `robot` is not known here (",
        ),
        (
            "[[visitor]]\nas = \"bot\"\n".to_owned(),
            "line 1: visitor[0]: this rule fits everybody (add `address`",
        ),
        (
            "[[visitor]]\nas = \"bot\"\naddress = \"10.0.0.1/8\"\n".to_owned(),
            "line 3: visitor[0].address: `10.0.0.1/8` has bits set beyond its prefix; the range it is in is 10.0.0.0/8 (write it like",
        ),
        (
            format!("{listener}[[listener.client_certificates]]\nsni = \"a\"\n"),
            "line 3: listener[0].client_certificates[0].ca: is missing (add `ca =",
        ),
        (
            "[limits]\nhead = \"big\"\n".to_owned(),
            "line 2: limits.head: invalid value: string \"big\", expected parsable string (write a size such as \"64 KiB\"",
        ),
        (
            "[limits]\nconnections = -1\n".to_owned(),
            "line 2: limits.connections: invalid value: integer `-1`, expected usize (write a whole number",
        ),
        (
            "[[sunset]]\nname = \"old\"\nfloor = 3\n".to_owned(),
            "line 3: sunset[0].floor: invalid type: integer `3`, expected the name of a floor, such as \"tls1.2\", or a table { min = \"TLSv1.2\" } (write the name of a floor",
        ),
        (
            "[admin]\naddress = \"0.0.0.0:9464\"\n".to_owned(),
            "line 2: admin.address: 0.0.0.0:9464 can be reached from other machines, and this listener asks nobody who they are (write a loopback address such as \"127.0.0.1:9464\")",
        ),
        (
            "[guard]\nrefused = 2\n".to_owned(),
            "line 2: guard.refused: 2 is no share (write a number above 0 and at most 1: 0.02 is 2 %)",
        ),
        (
            "[answers]\ncalendar = \"ssl.ics\"\n".to_owned(),
            "line 2: answers.calendar: path \"ssl.ics\" does not begin with a slash (write it like",
        ),
        // What only the plan can tell.
        (
            format!("{SUNSET}cohort = \"new\"\n"),
            "line 4: sunset[0].cohort: there is no cohort `new` (write the `name` of one of the [[cohort]] tables)",
        ),
        (
            "[[cohort]]\nname = \"new\"\n".to_owned(),
            "line 1: cohort[0]: this cohort does not say who is in it (add `accounts`,",
        ),
        (
            SUNSET.replace("tls1.2", "tls12"),
            "line 3: sunset[0].floor: there is no floor `tls12` (did you mean `tls1.2`?)",
        ),
        (
            format!("{SUNSET}warn = \"15.12.2026\"\n"),
            "line 4: sunset[0].warn: `15.12.2026` is no date",
        ),
        (
            format!("{SUNSET}warn = 20261215\n"),
            "line 4: sunset[0].warn: a date is wanted, not an integer (write one such as \"2026-12-15\"",
        ),
        (
            format!("{SUNSET}warn = \"2027-01-02\"\nrefuse = \"2027-01-01\"\n"),
            "line 5: sunset[0].refuse: refuse begins on 2027-01-01T00:00:00Z, before warn",
        ),
        // TOML that is none.
        (
            format!("{SUNSET}warn = 2027-13-01\n"),
            "line 4: sunset[0].warn: ",
        ),
        (format!("{SUNSET}warn = soon\n"), "line 4: sunset[0].warn: "),
        ("[[sunset]\n".to_owned(), "line 1: "),
        (
            format!("{SUNSET}name = \"twice\"\n"),
            "line 4: sunset[0].name: duplicate key (keep one of the two",
        ),
    ] {
        let said = said(&text);
        let as_expected = said
            .first()
            .is_some_and(|first| first.starts_with(expected));
        let with_remedy = said
            .iter()
            .all(|said| said.ends_with(')') && !said.ends_with("()"));
        if !as_expected || !with_remedy {
            wrong.push(format!("{text}expected: {expected}\n    said: {said:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_mistake_is_shown_with_its_file_and_line() {
    let text = format!("{SUNSET}refse = \"2027-01-01\"\n");
    let shown = Problems {
        source: Source {
            path: Some("api/sundown.toml".into()),
            text: text.clone(),
        },
        problems: parse(&text, [0; 16]).err().unwrap(),
    }
    .to_string();
    for part in [
        "api/sundown.toml:4:1",
        "refse = \"2027-01-01\"",
        "sunset[0].refse",
        "help: did you mean `refuse`?",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
}

/// The file that `sundown init` writes, every key in it put in.
fn whole_template() -> String {
    let put_in = |line: &str| match line.strip_prefix('#') {
        Some(key) if !key.is_empty() && !key.starts_with(' ') => key.to_owned(),
        _ => line.to_owned(),
    };
    let template = floor::config::template("2026-11-23".parse().unwrap());
    template.lines().map(put_in).collect::<Vec<_>>().join("\n")
}

/// Tables that show defaults show the real ones.
#[test]
fn the_template_shows_what_is_in_force_without_it() {
    let text = whole_template();
    let (shown, _, _, ledger, console, links) =
        parse(&text, [0; 16]).unwrap_or_else(|problems| panic!("{text}\n{problems:?}"));
    let same = |shown: &dyn Debug, default: &dyn Debug| {
        assert_eq!(format!("{shown:?}"), format!("{default:?}"));
    };
    same(&shown.limits, &Limits::default());
    same(&shown.answers, &Answers::default());
    same(&shown.privacy, &Privacy::default());
    same(&ledger, &LedgerSettings::default());
    same(&links.life, &Links::default().life);
    assert!(links.url.is_some());
    assert!(
        console
            .listen
            .is_some_and(|address| address.ip().is_loopback())
    );
    same(&shown.guard, &Some(GuardSettings::default()));
    assert_eq!(shown.listeners.len(), 1);
    assert_eq!(shown.account.names.len(), 1);
}

/// Each table is given a key it cannot have; what it says it knows must be in the template.
#[test]
fn the_template_shows_every_key() {
    let template = whole_template();
    // A gate is the second of its kind: its keys are others.
    let listeners = [("[[listener]]", 0), ("[[listener]]", 1)];
    let others = [
        "[[listener.client_certificates]]",
        "[[listener.route]]",
        "[account]",
        "[[visitor]]",
        "[privacy]",
        "[limits]",
        "[answers]",
        "[links]",
        "[ledger]",
        "[guard]",
        "[admin]",
        "[[sunset]]",
        "[[sunset.brownout]]",
        "[[exception]]",
        "[[cohort]]",
        "[[preview]]",
    ];
    for (table, place) in listeners
        .into_iter()
        .chain(others.into_iter().map(|it| (it, 0)))
    {
        let header = format!("{table}\n");
        let (start, _) = template.match_indices(&header).nth(place).unwrap();
        let (before, part) = template.split_at(start + header.len());
        let spoilt = format!("{before}zzzzzzzz = 1\n{part}");
        let said = said(&spoilt);
        let known = said
            .first()
            .and_then(|said| said.rsplit_once("known here: "))
            .unwrap_or_else(|| panic!("{table}: {said:?}"))
            .1
            .trim_end_matches(')');
        // A table ends where the next begins; those inside it count with it.
        let inside = table.trim_matches(['[', ']']).to_owned() + ".";
        let part: String = part
            .split_inclusive('\n')
            .take_while(|line| {
                !line.starts_with('[') || line.trim_matches(['[', ']', '\n']).starts_with(&inside)
            })
            .collect();
        for key in known.split(", ") {
            assert!(
                part.lines()
                    .any(|line| line.starts_with(&format!("{key} ="))
                        || line.trim_matches(['[', ']']) == format!("{inside}{key}")),
                "{table} has `{key}`, and the template does not:\n{part}"
            );
        }
    }
}

/// A listener keeps its place in the file, whatever kinds stand before it.
#[test]
fn listeners_of_both_kinds_keep_their_places() {
    let gate = "[[listener]]\nmode = \"gate\"\nupstream = [\"10.0.0.1:443\"]\n";
    let edge = "[[listener]]\naddress = \"127.0.0.1:0\"\n";
    let mut wrong = Vec::new();
    for (mistake, expected) in [
        (
            "[[listener]]\nupstreams = []\n",
            "upstreams: there is no key `upstreams` here",
        ),
        (
            "[[listener]]\naddress = \"nowhere\"\n",
            "address: invalid socket address",
        ),
        ("[[listener]]\naddress = 5\n", "address: invalid type"),
        (
            "[[listener]]\nupstream = [\"ftp://a\"]\n",
            "upstream: upstream \"ftp://a\" has no",
        ),
        (
            "[[listener]]\ncertificates = [{ cert = \"a\" }]\n",
            "certificates[0].key: is missing",
        ),
        (
            "[[listener]]\n[[listener.client_certificates]]\nsni = \"a\"\n",
            "client_certificates[0].ca: is missing",
        ),
        ("[[listener]]\nmode = 5\n", "mode: "),
        (
            "[[listener]]\nmode = \"bridge\"\n",
            "mode: `bridge` is not known here",
        ),
        (
            "[[listener]]\naccept_proxy_protocol = [\"lb\"]\n",
            "accept_proxy_protocol: `lb` is not an address range",
        ),
        (
            "[[listener]]\nmode = \"gate\"\n",
            "upstream: a gate has nothing behind it",
        ),
        (
            "[[listener]]\nmode = \"gate\"\nupstream = [\"10.0.0.1\"]\n",
            "upstream: upstream \"10.0.0.1\" is no address",
        ),
        (
            "[[listener]]\nmode = \"gate\"\nbalance = \"random\"\n",
            "balance: `random` is not known here",
        ),
        (
            "[[listener]]\nmode = \"gate\"\nsend_proxy_protocol = \"v3\"\n",
            "send_proxy_protocol: `v3` is not known here",
        ),
        (
            "[[listener]]\nmode = \"gate\"\n[[listener.route]]\nsni = \"*\"\nupstream = []\n",
            "route[0].sni: \"*\" is no server name",
        ),
        (
            "[[listener]]\nmode = \"gate\"\n[[listener.route]]\nsni = \"a\"\nupstream = []\n",
            "route[0].upstream: a route leads nowhere",
        ),
        (
            "[[listener]]\nmode = \"gate\"\n[[listener.route]]\nsni = \"a\"\n",
            "route[0].upstream: is missing",
        ),
    ] {
        for before in [
            [gate, edge].concat(),
            [edge, gate, gate].concat(),
            [gate, gate, edge, edge].concat(),
        ] {
            let place = before.matches("[[listener]]").count();
            for after in ["", gate, edge] {
                let text = format!("{before}{mistake}{after}{SUNSET}");
                let said = said(&text);
                let expected = format!(": listener[{place}].{expected}");
                if said.len() != 1 || !said[0].contains(&expected) {
                    wrong.push(format!("expected {expected}, said {said:?}"));
                }
            }
        }
    }
    let inline =
        "listener = [\n{ mode = \"gate\", upstream = [\"10.0.0.1:443\"] },\n{ tickets = 1 },\n]\n";
    let said = said(&format!("{inline}{SUNSET}"));
    assert!(
        said[0].contains("line 3: listener[1].tickets: "),
        "{said:?}"
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
