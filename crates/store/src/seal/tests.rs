use super::*;

const HERE: Place<'_> = Place { table: "secret", row: "r1", column: "bot_token" };

fn key() -> SealingKey {
    SealingKey::new("k1", [7; KEY])
}

#[test]
fn a_sealed_secret_opens_in_its_place() {
    let sealed = key().seal(&HERE, &"xoxb-1".to_owned().into()).unwrap();
    assert!(!sealed.sealed.windows(6).any(|bytes| bytes == b"xoxb-1"));
    assert_eq!(key().open(&HERE, &sealed).unwrap().expose_secret(), "xoxb-1");
}

#[test]
fn a_secret_does_not_open_with_another_key_or_in_another_place() {
    let sealed = key().seal(&HERE, &"xoxb-1".to_owned().into()).unwrap();
    for elsewhere in [
        Place { table: "session", ..HERE },
        Place { row: "r2", ..HERE },
        Place { column: "admin_token", ..HERE },
        Place { table: "secretr", row: "1", ..HERE },
    ] {
        assert!(matches!(key().open(&elsewhere, &sealed), Err(StoreError::Corrupt { .. })), "{elsewhere}");
    }
    assert!(SealingKey::new("k1", [8; KEY]).open(&HERE, &sealed).is_err());
    let error = SealingKey::new("k2", [7; KEY]).open(&HERE, &sealed).err().unwrap();
    assert!(error.to_string().contains("`k1`, which is not configured"), "{error}");
}

#[test]
fn an_older_key_still_opens_what_it_sealed() {
    let old = key().seal(&HERE, &"s".to_owned().into()).unwrap();
    let both = SealingKey::new("k2", [9; KEY]).with_older("k1", [7; KEY]);
    assert_eq!(both.open(&HERE, &old).unwrap().expose_secret(), "s");
    assert_eq!(both.seal(&HERE, &"s".to_owned().into()).unwrap().key_id, "k2");
}

#[test]
fn equal_secrets_are_sealed_differently() {
    let (a, b) =
        (key().seal(&HERE, &"s".to_owned().into()).unwrap(), key().seal(&HERE, &"s".to_owned().into()).unwrap());
    assert_ne!(a.nonce, b.nonce);
    assert_ne!(a.sealed, b.sealed);
}

#[test]
fn keys_are_read_from_text_and_never_shown() {
    let hex = "0123456789abcdef".repeat(4);
    let keys: SealingKey = format!("new:{hex}, old:{}", "ff".repeat(32)).parse().unwrap();
    let shown = format!("{keys:?}");
    assert!(shown.contains("new") && shown.contains("old") && !shown.contains("0123"), "{shown}");
    assert_eq!("".parse::<SealingKey>().err(), Some(KeyError::Empty));
    assert_eq!("a:12".parse::<SealingKey>().err(), Some(KeyError::Malformed("a".to_owned())));
    assert_eq!(format!("a:{hex},a:{hex}").parse::<SealingKey>().err(), Some(KeyError::Duplicate("a".to_owned())));
    assert!(hex.parse::<SealingKey>().is_ok());
}
