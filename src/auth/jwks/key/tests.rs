//! Keys, member by member.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::json;

use super::*;

fn number(bits: usize) -> String {
    let mut octets = vec![0xff; bits.div_ceil(8)];
    if !bits.is_multiple_of(8) {
        octets[0] = (1 << (bits % 8)) - 1;
    }
    URL_SAFE_NO_PAD.encode(octets)
}

/// A valid RSA key with some members put in place of its own; `null` members stay.
fn with(members: &Value) -> Value {
    let mut jwk = json!({ "kty": "RSA", "n": number(2048), "e": "AQAB", "kid": "r1" });
    jwk.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    jwk
}

fn fits(jwk: &Value) -> Vec<&'static str> {
    let key = Key::new(jwk).unwrap_or_else(|reason| panic!("{jwk}: {reason}"));
    Algorithm::ALL.iter().filter(|a| key.fits(**a)).map(|a| a.name()).collect()
}

#[test]
fn rows_73_74_weak_rsa_keys_are_skipped() {
    let sizes = [(1024, false), (2047, false), (2048, true), (4096, true), (8192, true), (8193, false)];
    for (bits, used) in sizes {
        assert_eq!(Key::new(&with(&json!({ "n": number(bits) }))).is_ok(), used, "{bits}");
    }
    for (exponent, used) in [
        ("AQ", false),
        ("AAE", false),
        ("Ag", false),
        ("AQAA", false),
        ("", false),
        ("AA", false),
        ("Aw", true),
        ("AAEAAQ", true),
    ] {
        assert_eq!(Key::new(&with(&json!({ "e": exponent }))).is_ok(), used, "{exponent}");
    }
    let even = URL_SAFE_NO_PAD.encode([0xfe; 256]);
    assert!(Key::new(&with(&json!({ "n": even }))).is_err());
    let signed = URL_SAFE_NO_PAD.encode([&[0][..], &[0xff; 256]].concat());
    assert!(Key::new(&with(&json!({ "n": signed }))).is_ok());
}

#[test]
fn rows_152_153_154_d12_only_keys_for_signatures_are_used() {
    let cases = [
        (json!({ "use": "enc" }), false),
        (json!({ "use": 5 }), false),
        (json!({ "use": null, "key_ops": null, "alg": null, "kid": null }), true),
        (json!({ "key_ops": ["encrypt"] }), false),
        (json!({ "key_ops": [] }), false),
        (json!({ "key_ops": "verify" }), false),
        (json!({ "use": "enc", "key_ops": ["verify"] }), false),
        (json!({ "use": "", "alg": "" }), true),
        (json!({ "use": "jwt-svid" }), true),
        (json!({ "use": "x509-svid" }), false),
        (json!({ "use": "SIG" }), false),
        (json!({ "use": "sig", "key_ops": ["verify"] }), true),
    ];
    for (members, used) in cases {
        assert_eq!(Key::new(&with(&members)).is_ok(), used, "{members}");
    }
}

#[test]
fn rows_66_69_a_key_serves_its_own_algorithms_only() {
    assert_eq!(fits(&with(&json!({}))), ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]);
    assert_eq!(fits(&with(&json!({ "alg": "RS512" }))), ["RS512"]);
    let point = |crv: &str, width: usize| {
        let coordinate = URL_SAFE_NO_PAD.encode(vec![7; width]);
        json!({ "kty": "EC", "crv": crv, "x": coordinate, "y": coordinate })
    };
    assert_eq!(fits(&point("P-256", 32)), ["ES256"]);
    assert_eq!(fits(&point("P-384", 48)), ["ES384"]);
    let edwards = json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode([7; 32]) });
    assert_eq!(fits(&edwards), ["EdDSA"]);
    assert_eq!(fits(&point("P-521", 66)), ["ES512"], "d11");
    for crossed in [point("P-256", 33), point("P-256", 48), point("P-384", 49), point("secp256k1", 32)] {
        assert!(Key::new(&crossed).is_err(), "{crossed}");
    }
}

#[test]
fn row_158_what_is_not_understood_is_refused_with_a_phrase() {
    let secret = URL_SAFE_NO_PAD.encode([7; 32]);
    let cases = [
        json!({ "kty": "oct", "k": secret, "alg": "HS256" }),
        json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA" }),
        json!({ "kty": "OKP", "crv": "X25519", "x": secret }),
        json!({ "kty": "OKP", "crv": "Ed25519", "x": "AA" }),
        json!({ "kty": "rsa" }),
        json!({}),
        json!([]),
        json!("key"),
        json!(null),
        with(&json!({ "kid": 5 })),
        with(&json!({ "kid": "k".repeat(257) })),
        with(&json!({ "alg": "HS256" })),
        with(&json!({ "alg": "ES256" })),
        with(&json!({ "alg": "RSA-OAEP" })),
        with(&json!({ "alg": ["RS256"] })),
        with(&json!({ "n": 5 })),
        with(&json!({ "n": "====" })),
        with(&json!({ "n": "*".repeat(342) })),
        json!({ "kty": "EC", "crv": "P-256", "x": "", "y": secret }),
        with(&json!({ "e": null })),
    ];
    for jwk in cases {
        assert!(Key::new(&jwk).is_err(), "{jwk}");
    }
}

#[test]
fn row_156_private_members_are_noticed_and_not_used() {
    let key = Key::new(&with(&json!({ "d": "AQAB", "p": "AQAB" }))).unwrap();
    assert!(key.is_leaked());
    assert!(!Key::new(&with(&json!({ "kid": "" }))).unwrap().is_leaked());
}

#[test]
fn d1_d4_one_key_has_many_spellings() {
    let octets = [0xfb; 256];
    let spellings = [
        URL_SAFE_NO_PAD.encode(octets),
        URL_SAFE.encode(octets),
        STANDARD.encode(octets),
        STANDARD.encode([&[0][..], &octets].concat()),
        URL_SAFE_NO_PAD.encode([&[0, 0][..], &octets].concat()),
        format!(" {}\r\n", STANDARD.encode(octets)),
    ];
    for n in spellings {
        for e in ["AQAB", "AAEAAQ", "AQAB=", "AQAB\n"] {
            assert!(Key::new(&with(&json!({ "n": n, "e": e }))).is_ok(), "{n} {e}");
        }
    }
    let coordinate = |width: usize, octet: u8| STANDARD.encode(vec![octet; width]);
    for (x, y, used) in [(31, 32, true), (32, 30, true), (33, 32, false)] {
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": coordinate(x, 7), "y": coordinate(y, 7) });
        assert_eq!(Key::new(&jwk).is_ok(), used, "{x} {y}");
    }
    let long = STANDARD.encode([&[0][..], &[7; 32]].concat());
    assert!(Key::new(&json!({ "kty": "EC", "crv": "P-256", "x": long, "y": long })).is_ok());
    let ed = |width: usize| json!({ "kty": "OKP", "crv": "Ed25519", "x": coordinate(width, 7) });
    assert!(Key::new(&ed(32)).is_ok() && Key::new(&ed(31)).is_err() && Key::new(&ed(33)).is_err());
}

#[test]
fn d10_the_name_of_rfc_9864_is_the_same_algorithm() {
    let edwards = |alg: &str| {
        let x = URL_SAFE_NO_PAD.encode([7; 32]);
        json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "alg": alg })
    };
    for alg in ["Ed25519", "EdDSA"] {
        assert_eq!(fits(&edwards(alg)), ["EdDSA"]);
    }
    assert!(Key::new(&edwards("Ed448")).is_err() && Key::new(&edwards("ed25519")).is_err());
}
