use super::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, encode};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256};
use serde_json::json;

/// A key that signs, and what a set says of it.
struct Signer {
    algorithm: Algorithm,
    key: EncodingKey,
    /// For the Ed25519 key, which the library takes apart in one of its forms only.
    raw: Vec<u8>,
    id: &'static str,
}

impl Signer {
    fn new(algorithm: Algorithm, id: &'static str) -> Self {
        let (pair, of_der): (_, fn(&[u8]) -> EncodingKey) = match algorithm {
            Algorithm::ES256 => (&PKCS_ECDSA_P256_SHA256, EncodingKey::from_ec_der),
            Algorithm::EdDSA => (&PKCS_ED25519, EncodingKey::from_ed_der),
            _ => (&PKCS_RSA_SHA256, EncodingKey::from_rsa_der),
        };
        let pair = KeyPair::generate_for(pair).unwrap();
        let der = pair.serialize_der();
        // RSA keys come within PKCS #8; what this takes is the key inside it.
        let key = of_der(if algorithm == Algorithm::RS256 {
            der.get(26..).unwrap()
        } else {
            &der
        });
        Self {
            algorithm,
            key,
            raw: pair.public_key_raw().to_vec(),
            id,
        }
    }

    fn public(&self) -> Value {
        if self.algorithm == Algorithm::EdDSA {
            let x = URL_SAFE_NO_PAD.encode(&self.raw);
            return json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": x });
        }
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.id.to_owned());
        serde_json::to_value(jwk).unwrap()
    }

    fn token(&self, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.id.to_owned());
        encode(&header, claims, &self.key).unwrap()
    }
}

fn verifier(keys: &[Value], more: &str) -> Verifier {
    let text = format!("url = \"https://login.example.com/keys\"\n{more}");
    let settings: JwksSettings = toml::from_str(&text).unwrap();
    let verifier = Verifier::open(&settings).unwrap();
    give(&verifier, keys);
    verifier
}

fn give(verifier: &Verifier, keys: &[Value]) {
    let set = json!({ "keys": keys }).to_string();
    let url = Uri::from_static("https://login.example.com/keys");
    let answer = Ok(set.as_bytes());
    verifier.answered(Instant::now(), &url, answer).unwrap();
}

fn named(verifier: &Verifier, token: &str) -> Option<String> {
    verifier
        .account(token, "client_id")
        .map(|account| account.to_string())
}

#[test]
fn tokens_of_every_algorithm_verify_and_altered_ones_do_not() {
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
        let signer = Signer::new(algorithm, "one");
        let verifier = verifier(&[signer.public()], "");
        let token = signer.token(&json!({ "client_id": "acme", "exp": 4_000_000_000_u64 }));
        for _ in 0..2 {
            assert_eq!(
                named(&verifier, &token).as_deref(),
                Some("acme"),
                "{algorithm:?}"
            );
        }
        let other = signer.token(&json!({ "client_id": "globex" }));
        let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
        let mut altered = parts(&token);
        altered[1] = parts(&other)[1].clone();
        assert_eq!(named(&verifier, &altered.join(".")), None);
        let stranger = Signer::new(algorithm, "one");
        let forged = stranger.token(&json!({ "client_id": "acme" }));
        assert_eq!(named(&verifier, &forged), None);
    }
}

#[test]
fn what_has_expired_or_is_for_others_names_nobody() {
    let signer = Signer::new(Algorithm::ES256, "one");
    let strict = verifier(
        &[signer.public()],
        "issuer = \"https://login.example.com\"\naudience = [\"api\", \"other\"]",
    );
    let good = json!({ "client_id": 7, "iss": "https://login.example.com", "aud": "api" });
    assert_eq!(named(&strict, &signer.token(&good)).as_deref(), Some("7"));
    for (claim, value) in [
        ("exp", json!(1_000_000_000)),
        ("nbf", json!(4_000_000_000_u64)),
        ("iss", json!("https://elsewhere.example")),
        ("iss", Value::Null),
        ("aud", json!("elsewhere")),
        ("aud", Value::Null),
        ("client_id", json!("")),
    ] {
        let mut claims = good.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(claim);
        } else {
            claims[claim] = value;
        }
        assert_eq!(named(&strict, &signer.token(&claims)), None, "{claims}");
    }
}

#[test]
fn a_public_key_is_never_taken_for_a_secret() {
    let signer = Signer::new(Algorithm::RS256, "one");
    let public = signer.public();
    let verifier = verifier(std::slice::from_ref(&public), "");
    let modulus = EncodingKey::from_base64_secret(public["n"].as_str().unwrap());
    let secret = modulus.unwrap_or_else(|_| EncodingKey::from_secret(b"n"));
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("one".to_owned());
    let forged = encode(&header, &json!({ "client_id": "acme" }), &secret).unwrap();
    assert_eq!(named(&verifier, &forged), None);
    let none = "eyJhbGciOiJub25lIn0.eyJjbGllbnRfaWQiOiJhY21lIn0.";
    assert_eq!(named(&verifier, none), None);
    for noise in ["", ".", "..", "a.b.c", "opaque"] {
        assert_eq!(named(&verifier, noise), None, "{noise:?}");
    }
    assert_eq!(named(&verifier, &"x".repeat(LONGEST_TOKEN + 1)), None);
}

#[test]
fn an_unknown_key_has_the_set_asked_for_again_and_a_failure_keeps_the_old_one() {
    let (old, new) = (
        Signer::new(Algorithm::ES256, "old"),
        Signer::new(Algorithm::ES256, "new"),
    );
    let verifier = verifier(&[old.public()], "");
    let claims = json!({ "client_id": "acme" });
    let start = Instant::now();
    assert_eq!(verifier.due(start + Duration::from_secs(60)), None);
    let of_new = new.token(&claims);
    assert_eq!(named(&verifier, &of_new), None);
    assert_eq!(
        verifier.due(start + Duration::from_secs(5)),
        None,
        "not at once"
    );
    assert!(verifier.due(start + Duration::from_secs(60)).is_some());
    let url = Uri::from_static("https://login.example.com/keys");
    for answer in [
        Ok(&b"<html>"[..]),
        Ok(b"{\"keys\": []}"),
        Err("refused".to_owned()),
    ] {
        let error = verifier.answered(start, &url, answer).unwrap_err();
        assert!(error.to_string().contains("login.example.com"), "{error}");
    }
    assert_eq!(
        named(&verifier, &old.token(&claims)).as_deref(),
        Some("acme")
    );
    give(&verifier, &[old.public(), new.public()]);
    assert_eq!(
        named(&verifier, &of_new).as_deref(),
        Some("acme"),
        "looked at anew"
    );
    let reloaded = Verifier::open(&verifier.settings).unwrap();
    reloaded.go_on_from(&verifier);
    assert_eq!(named(&reloaded, &of_new).as_deref(), Some("acme"));
}

#[test]
fn keys_that_verify_nothing_are_passed_over() {
    let signer = Signer::new(Algorithm::ES256, "one");
    let mut for_encryption = signer.public();
    for_encryption["use"] = json!("enc");
    let symmetric = json!({ "kty": "oct", "k": "c2VjcmV0", "alg": "HS256" });
    let unknown = json!({ "kty": "AKP", "alg": "ML-DSA-65", "pub": "AA" });
    let odd = [for_encryption, symmetric, unknown, json!(5)];
    let set = |keys: &[Value]| parse(json!({ "keys": keys }).to_string().as_bytes(), "here");
    assert!(matches!(set(&odd), Err(JwksError::NoKey(_))));
    let with_one = [&odd[..], &[signer.public()]].concat();
    assert_eq!(set(&with_one).unwrap().len(), 1);
}
