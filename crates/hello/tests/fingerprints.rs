//! JA3 and JA4 against what their authors publish, and where implementations are known to go wrong.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use hello::{Facts, Offer, Version, ja3, ja3_text, ja4, ja4_raw};

/// An offer whose JA3 text this is; no fingerprint looks at its other parts.
fn from_ja3(text: &str) -> Offer {
    let lists: Vec<Vec<u16>> = text
        .split(',')
        .map(|list| {
            list.split('-')
                .filter_map(|code| code.parse().ok())
                .collect()
        })
        .collect();
    let [version, suites, extensions, groups, formats] = &lists[..] else {
        panic!("{text}")
    };
    Offer::from(&Facts {
        legacy_version: Version(version[0]),
        suites: suites.clone(),
        extensions: extensions.clone(),
        groups: groups.clone(),
        point_formats: formats.iter().map(|&format| format as u8).collect(),
        ..Facts::default()
    })
}

#[test]
fn ja3_is_that_of_its_authors_examples() {
    // https://github.com/salesforce/ja3, README.
    let examples = [
        (
            "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0",
            "ada70206e40642a3e4461f35503241d5",
        ),
        (
            "769,4-5-10-9-100-98-3-6-19-18-99,,,",
            "de350869b8c85de67a350c8d186f11e6",
        ),
    ];
    for (text, hash) in examples {
        let offer = from_ja3(text);
        assert_eq!(ja3_text(&offer), text);
        assert_eq!(ja3(&offer), hash);
    }
}

/// The client of the technical description of JA4, https://github.com/FoxIO-LLC/ja4.
fn chrome() -> Facts {
    Facts {
        sni: true,
        grease: true,
        legacy_version: Version::TLSV1_2,
        supported_versions: vec![Version(0x0a0a), Version::TLSV1_3, Version::TLSV1_2],
        suites: vec![
            0x2a2a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013,
            0xc014, 0x9c, 0x9d, 0x2f, 0x35,
        ],
        groups: vec![0x1d],
        key_shares: vec![0x1d],
        signature_algorithms: vec![
            0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601,
        ],
        point_formats: vec![0],
        alpn: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        extensions: vec![
            0x1b, 0, 0x33, 0x10, 0x4469, 0x17, 0x2d, 0x0d, 5, 0x23, 0x12, 0x2b, 0xff01, 0x0b, 0x0a,
            0x15, 0x3a3a,
        ],
        ..Facts::default()
    }
}

#[test]
fn ja4_is_that_of_its_authors_example() {
    let offer = Offer::from(&chrome());
    assert_eq!(ja4(&offer), "t13d1516h2_8daaf6152771_e5627efa2ab1");
    assert_eq!(
        ja4_raw(&offer),
        "t13d1516h2_002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9_\
         0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01_\
         0403,0804,0401,0503,0805,0501,0806,0601"
    );
}

fn summary(facts: &Facts) -> String {
    ja4(&Offer::from(facts))
        .split('_')
        .next()
        .unwrap()
        .to_owned()
}

#[test]
fn ja4_takes_the_version_after_grease_and_else_the_legacy_version() {
    for (version, expected) in [
        (0x0300, "ts3"),
        (0x0301, "t10"),
        (0x0302, "t11"),
        (0x0303, "t12"),
        (0x7777, "t00"),
    ] {
        let facts = Facts {
            supported_versions: Vec::new(),
            legacy_version: Version(version),
            ..chrome()
        };
        assert!(summary(&facts).starts_with(expected), "{version:#x}");
    }
    let highest = Facts {
        supported_versions: vec![Version::TLSV1_1, Version(0xfafa), Version::TLSV1_3],
        ..chrome()
    };
    assert!(summary(&highest).starts_with("t13"));
    let sslv2 = Facts {
        sslv2_format: true,
        legacy_version: Version::SSLV2,
        sslv2_kinds: vec![[1, 0, 0x80]; 2],
        ..Facts::default()
    };
    assert_eq!(
        ja4(&Offer::from(&sslv2)),
        "ts2i000000_000000000000_000000000000"
    );
}

#[test]
fn ja4_shows_the_ends_of_the_first_alpn_name() {
    let alpn: [(&[u8], &str); 8] = [
        (b"h2", "h2"),
        (b"http/1.1", "h1"),
        (b"x", "xx"),
        (b"", "00"),
        // https://github.com/FoxIO-LLC/ja4, technical details: the digits when either end is not alphanumeric.
        (b"\xab", "ab"),
        (b"\xab\xcd", "ad"),
        (b"\x30\xab", "3b"),
        (b"\x30\x31\xab\xcd", "3d"),
    ];
    for (name, expected) in alpn {
        let facts = Facts {
            alpn: vec![name.to_vec()],
            ..chrome()
        };
        assert_eq!(&summary(&facts)[8..], expected, "{name:?}");
    }
    let none = Facts {
        alpn: Vec::new(),
        ..chrome()
    };
    assert_eq!(&summary(&none)[8..], "00");
}

#[test]
fn ja4_counts_to_99_and_tells_server_name_by_its_extension() {
    let many = Facts {
        suites: (0..200).collect(),
        extensions: (100..300).collect(),
        sni: false,
        ..chrome()
    };
    assert!(summary(&many).starts_with("t13i9999"), "{}", summary(&many));
}

#[test]
fn ja4_without_schemes_has_no_separator_and_without_extensions_is_zero() {
    let old = Facts {
        legacy_version: Version::TLSV1,
        suites: vec![0x2f],
        extensions: vec![0x23, 0x0f],
        ..Facts::default()
    };
    assert_eq!(ja4_raw(&Offer::from(&old)), "t10i010200_002f_000f,0023");
    let bare = Facts {
        extensions: Vec::new(),
        ..old
    };
    assert!(ja4(&Offer::from(&bare)).ends_with("_000000000000"));
    // A GREASE scheme is as if it were not there (https://github.com/biandratti/huginn-net/pull/323).
    let mut greased = chrome();
    greased.signature_algorithms.insert(0, 0x5a5a);
    assert_eq!(ja4(&Offer::from(&greased)), ja4(&Offer::from(&chrome())));
}
