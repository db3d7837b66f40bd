//! Tests of accounts: files of users, costs of refusals, what is remembered.

use std::sync::Arc;

use super::*;

fn one(user: &str, password: &str) -> [Arc<Accounts>; 1] {
    [Arc::new(Accounts::one(user, &Secret::new(password)).unwrap())]
}

fn htpasswd(text: &str) -> Result<Accounts, String> {
    Accounts::htpasswd(&Secret::new(text))
}

fn hash(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap()
}

const ARGON2: &str = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

#[test]
fn remembers_a_good_pair_only_and_no_other_split_of_it() {
    let hash = hash("bc");
    let account = one("a", &hash);
    assert!(account[0].is_hashed());
    for (user, password) in [("a", "wrong"), ("b", "bc"), ("ab", "c"), ("", "abc")] {
        assert!(!matches(&account, user, password), "{user}:{password}");
    }
    assert_eq!(matches_at_once(&account, "a", "bc"), None);
    assert!(matches(&account, "a", "bc"));
    assert_eq!(matches_at_once(&account, "a", "bc"), Some(true));
    for (user, password) in [("a", "wrong"), ("b", "bc"), ("ab", "c"), ("", "abc"), ("abc", "")] {
        assert_eq!(matches_at_once(&account, user, password), None, "{user}:{password}");
        assert!(!matches(&account, user, password), "{user}:{password}");
    }
    let reloaded = one("a", &hash);
    assert_eq!(matches_at_once(&reloaded, "a", "bc"), None);
}

#[test]
fn a_plain_password_is_judged_at_once() {
    let account = one("a", "bc");
    assert!(!account[0].is_hashed());
    for (user, password, good) in [("a", "bc", true), ("a", "b", false), ("b", "bc", false), ("", "", false)]
    {
        assert_eq!(matches_at_once(&account, user, password), Some(good), "{user}:{password}");
        assert_eq!(matches(&account, user, password), good, "{user}:{password}");
    }
}

#[test]
fn a_file_of_users_lets_each_in_by_all_of_its_passwords_and_no_other() {
    let text = format!(
        "# who scrapes\r\n\r\nalice:{}\r\nalice:{}  \r\nbob:{}\n   \ncarol:{ARGON2}\ndave:{}",
        hash("alice-old"),
        hash("alice-new").replacen("$2b$", "$2y$", 1),
        hash("bob-pass").replacen("$2b$", "$2a$", 1),
        hash("d:a:v:e"),
    );
    let all = [Arc::new(htpasswd(&text).unwrap())];
    for round in 0..2 {
        for (user, password, good) in [
            ("alice", "alice-old", true),
            ("alice", "alice-new", true),
            ("alice", "bob-pass", false),
            ("bob", "bob-pass", true),
            ("bob", "alice-old", false),
            ("carol", "password", true),
            ("carol", "passwor", false),
            ("dave", "d:a:v:e", true),
            ("eve", "alice-old", false),
            ("# who scrapes", "", false),
            ("", "", false),
        ] {
            assert_eq!(matches(&all, user, password), good, "{user}:{password} in round {round}");
        }
    }
}

#[test]
fn every_bad_line_is_named_by_its_number_and_kind_and_nothing_of_it_is_shown() {
    let good = hash("x");
    for (line, said) in [
        ("canary", "is not user:hash"),
        (":$2y$04$canary", "names no user"),
        ("a:$apr1$canary$canary", "APR1"),
        ("a:{SHA}canarycanary=", "SHA-1"),
        ("a:{SSHA}canarycanary=", "SHA-1"),
        ("a:$1$canary$canary", "MD5-crypt"),
        ("a:$5$canary$canary", "SHA-256-crypt"),
        ("a:$6$canary$canary", "SHA-512-crypt"),
        ("a:$y$canary$canary", "yescrypt"),
        ("a:cA.nary/canar", "crypt"),
        ("a:canary in plain text", "plain text"),
        ("a:", "no hash"),
        ("a:$2y$10$canary", "not a whole one"),
        ("a:$argon2i$v=19$m=8,t=1,p=1$canary$canary", "argon2i"),
        (&format!("a:{good}:canary"), "not a whole one"),
        ("a\u{1}b:$2y$10$canary", "control characters"),
    ] {
        let error = htpasswd(&format!("# comment\nbob:{good}\n{line}\n")).unwrap_err();
        assert!(error.starts_with("line 3 ") && error.contains(said), "{line:?}: {error}");
        assert!(!error.contains("canar"), "{line:?}: {error}");
    }
    let error = htpasswd("a:{SHA}x\nb\nc:plain").unwrap_err();
    assert_eq!(error.matches("line ").count(), 3, "{error}");
    assert_eq!(htpasswd("# only a comment\n\n").unwrap_err(), "holds no user");
    let many = format!("a:{good}\n").repeat(5);
    assert!(htpasswd(&many).unwrap_err().contains("5 hashes"));
}

#[test]
fn who_is_refused_costs_as_much_as_the_dearest_user_whoever_was_named() {
    let text = format!("alice:{}\nbob:{}\nbob:{}\n", hash("a"), hash("b"), bcrypt::hash("c", 6).unwrap());
    let accounts = htpasswd(&text).unwrap();
    // bob's two hashes: 2^4 and 2^6 rounds. What alice lacks of it, and what nobody has done, is spent.
    assert_eq!(accounts.dearest, Work { bcrypt: 16 + 64, argon2: 0 });
    let mut own = Work::default();
    accounts.of(&Fingerprint::of(b"alice")).for_each(|(account, _)| own.add(&account.password));
    assert_eq!(own, Work { bcrypt: 16, argon2: 0 });
    let with_argon2 = htpasswd(&format!("{text}carol:{ARGON2}")).unwrap();
    assert_eq!(with_argon2.dearest, Work { bcrypt: 80, argon2: 512 });
}

#[test]
fn accounts_of_several_places_count_together() {
    let all = [
        Arc::new(Accounts::one("plain", &Secret::new("in-plain-text")).unwrap()),
        Arc::new(htpasswd(&format!("bob:{}", hash("b"))).unwrap()),
    ];
    assert_eq!(matches_at_once(&all, "plain", "in-plain-text"), Some(true));
    // Who is not known costs a hash, and so does a wrong password of who is.
    assert_eq!(matches_at_once(&all, "plain", "wrong"), None);
    assert_eq!(matches_at_once(&all, "nobody", "wrong"), None);
    assert!(
        matches(&all, "bob", "b") && !matches(&all, "plain", "b") && !matches(&all, "bob", "in-plain-text")
    );
    assert!(!all[0].shares_a_user(&all[1]));
    assert!(all[1].shares_a_user(&Accounts::one("bob", &Secret::new("other")).unwrap()));
}

#[test]
fn debug_shows_nothing() {
    let accounts = [Arc::new(htpasswd(&format!("alice:{}", hash("canary"))).unwrap())];
    assert!(matches(&accounts, "alice", "canary"));
    let text = format!("{accounts:?}");
    assert!(!text.contains("$2b$") && !text.contains("canary") && !text.contains("alice"), "{text}");
}
