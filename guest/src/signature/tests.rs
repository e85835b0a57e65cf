use super::*;
use crate::base64::decoded;
use crate::wit::exports::consign::image::signatures::{Claim, ListedSignature, SignatureForm};

const SIMPLE: &str = r#"{"critical":{"identity":{"docker-reference":"r.io/a:1"},"image":{"docker-manifest-digest":"sha256:ab"},"type":"atomic container signature"},"optional":{"creator":"x","timestamp":1.5e9,"more":{"a":[1]}}}"#;

fn simple(text: &str) -> Result<Claim, String> {
    read_claim(text.as_bytes(), SignatureForm::SimpleSigning).map_err(|error| error.reason)
}

#[test]
fn a_payload_says_which_image_is_meant() {
    let claim = simple(SIMPLE).unwrap();
    assert_eq!((claim.manifest_digest.as_str(), claim.reference.as_str()), ("sha256:ab", "r.io/a:1"));
    assert_eq!((claim.creator.as_deref(), claim.timestamp), (Some("x"), Some(1_500_000_000)));
    let cosign = SIMPLE.replace("atomic container", "cosign container image");
    let cosign = read_claim(cosign.as_bytes(), SignatureForm::Sigstore).unwrap();
    assert_eq!(cosign, claim);
}

#[test]
fn optional_may_be_null_for_sigstore_alone() {
    let (head, _) = SIMPLE.split_once("\"optional\"").unwrap();
    let text = format!("{head}\"optional\":null}}").replace("atomic container", "cosign container image");
    let claim = read_claim(text.as_bytes(), SignatureForm::Sigstore).unwrap();
    assert_eq!((claim.creator, claim.timestamp), (None, None));
    let text = text.replace("cosign container image", "atomic container");
    assert_eq!(simple(&text).unwrap_err(), "`optional`: wanted an object, found `null`");
}

#[test]
fn a_payload_that_two_readers_could_understand_in_two_ways_is_refused() {
    for (from, to, wanted) in [
        ("\"optional\"", "\"Optional\"", "`Optional`: wanted no member of this name, found one"),
        ("{\"critical\"", "{\"more\":1,\"critical\"", "`more`: wanted no"),
        ("\"optional\":", "\"critical\":{},\"optional\":", "`critical` is there twice"),
        ("\"docker-reference\":\"r.io/a:1\"", "", "member `critical.identity.docker-reference`, found none"),
        ("\"docker-reference\":", "\"docker-reference\":\"x\",\"docker-reference\":", "there twice"),
        ("\"sha256:ab\"", "null", "`critical.image.docker-manifest-digest`: wanted a string, found `null`"),
        ("\"type\":\"atomic", "\"type\":\"Atomic", "found `Atomic container signature`"),
        ("1.5e9", "1.5", "`optional.timestamp`: wanted a whole number of 64 bits, found `1.5`"),
        ("1.5e9", "1e40", "found `1e40`"),
        ("\"more\":{\"a\":[1]}", "\"creator\":\"y\"", "`optional.creator` is there twice"),
        ("{\"a\":[1]}}}", "{\"a\":[1]}}} x", "wanted the end of the document"),
        ("{\"a\":[1]}}}", "{\"a\":[1]}}", "found the end"),
    ] {
        let changed = SIMPLE.replace(from, to);
        assert_ne!(changed, SIMPLE);
        let found = simple(&changed).unwrap_err();
        assert!(found.contains(wanted), "{changed}: {found}");
    }
    assert!(simple("[]").is_err() && simple("").is_err() && simple("null").is_err());
}

#[test]
fn files_say_of_what_format_they_are() {
    for first in [0x88, 0x90, 0xa3, 0xc2, 0xc4, 0xc8] {
        assert_eq!(read_kept(&[first, 1]), Ok(KeptSignature::SimpleSigning(0)));
    }
    assert_eq!(read_kept(b"\0simple-signing\nx"), Ok(KeptSignature::SimpleSigning(16)));
    assert_eq!(read_kept(b"\0notation v2\nx"), Ok(KeptSignature::Other("notation v2".into())));
    let sigstore =
        b"\0sigstore-json\n{\"mimeType\":\"a/b\",\"payload\":\"aGk=\",\"annotations\":{\"k\":\"v\"}}";
    let Ok(KeptSignature::Sigstore(found)) = read_kept(sigstore) else { panic!() };
    assert_eq!((found.media_type.as_str(), found.payload.as_slice()), ("a/b", b"hi".as_slice()));
    assert_eq!(found.annotations, [("k".to_owned(), "v".to_owned())]);
    for wrong in [
        b"".as_slice(),
        b"-----BEGIN PGP MESSAGE-----",
        b"\0simple-signing",
        b"\0caf\xc3\xa9\nx",
        b"\0sigstore-json\n{}",
        b"\0sigstore-json\n{\"mimeType\":\"a/b\",\"payload\":\"a\"}",
    ] {
        assert!(read_kept(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn base64_is_what_go_takes_for_it() {
    for (text, wanted) in [
        ("", Some(b"".as_slice())),
        ("aGk=", Some(b"hi")),
        ("aA==", Some(b"h")),
        ("aGhp", Some(b"hhi")),
        ("aG\r\nhp", Some(b"hhi")),
        ("aGk", None),
        ("aGk==", None),
        ("a===", None),
        ("aGk=aGk=", None),
        ("aA=a", None),
        ("aGk ", None),
        ("a-_p", None),
        ("=", None),
    ] {
        assert_eq!(decoded(text.as_bytes()).as_deref(), wanted, "{text}");
    }
}

#[test]
fn a_registry_s_list_has_messages_and_what_else_there_is() {
    let list = |text: &str| read_list(text.as_bytes()).map_err(|error| error.reason);
    let of = |signature: &str| list(&format!("{{\"signatures\":[{signature}]}}"));
    assert_eq!(list("{}"), Ok(vec![]));
    assert_eq!(list("{\"signatures\":null}"), Ok(vec![]));
    let good = r#"{"schemaVersion":2,"name":"sha256:ab@x","type":"atomic","content":"aGk="}"#;
    assert_eq!(of(good), Ok(vec![ListedSignature::SimpleSigning(b"hi".to_vec())]));
    for (from, to) in [(":2", ":1"), ("atomic", "x509"), ("\"schemaVersion\":2,", "")] {
        let other = good.replace(from, to);
        assert!(matches!(&of(&other).unwrap()[..], [ListedSignature::Other(_)]), "{other}");
    }
    for (from, to, wanted) in [
        ("aGk=", "aGk", "wanted base64, found something else"),
        (",\"content\":\"aGk=\"", "", "content`, found none"),
        ("\"atomic\"", "7", "wanted a string"),
    ] {
        let found = of(&good.replace(from, to)).unwrap_err();
        assert!(found.contains(wanted), "{found}");
    }
    assert!(of(&vec![good; 129].join(",")).unwrap_err().contains("128"));
}
