use super::*;

/// Whether the reader takes `text` as one JSON value.
fn accepts(text: &str) -> bool {
    let mut reader = Reader::new(text);
    reader.skip().and_then(|()| reader.end()).is_ok()
}

#[test]
fn it_accepts_what_serde_json_accepts() {
    let cases = [
        "",
        " ",
        "null",
        "nul",
        "nulll",
        "true",
        "false",
        "truefalse",
        "0",
        "-0",
        "-",
        "01",
        "1.",
        "1.5",
        ".5",
        "1e5",
        "1e",
        "1E+5",
        "1e-05",
        "--1",
        "\"\"",
        "\"",
        "\"a\\\"\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\u00e9\"",
        "\"\u{1}\"",
        "\"é\"",
        "[]",
        "[",
        "]",
        "[1]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{}",
        "{",
        "{\"a\":1}",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{a:1}",
        "{\"a\":}",
        "{1:1}",
        "[[[[]]]]",
        "[[[[]]]",
        "{\"a\":{\"b\":[1,{\"c\":[]}]}}",
        "{\"a\":[}",
        "[1]]",
        "[1]x",
        "[\"a\",\"b\"]",
        "[{\"a\":1},{\"b\":[]}]",
        "[{\"a\":1]",
        " [ 1 , 2 ] ",
        "\u{feff}1",
        "[true,false,null,-1.5e3,\"x\"]",
        "{\"a\":1 \"b\":2}",
        "[[],[],{}]",
        "{\"a\":{},\"b\":{}}",
        "/**/1",
        "'a'",
        "\"12345678\"",
        "\"1234567\\\\\"",
        "\"12345678\u{1f}\"",
        "\"1234567\u{7f}é\u{80}\"",
    ];
    for text in cases {
        let wanted = serde_json::from_str::<serde_json::Value>(text).is_ok();
        assert_eq!(accepts(text), wanted, "{text:?}");
    }
}

#[test]
fn every_prefix_of_a_document_is_an_error_and_never_a_panic() {
    let text = r#"{"a":[1,-2.5e+3,"x\u00e9\n",{"b":null,"c":[true,false]}],"é":{}}"#;
    assert!(accepts(text));
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
        assert!(!accepts(&text[..end]), "{}", &text[..end]);
    }
}

#[test]
fn strings_are_unescaped_as_go_does() {
    let read = |text: &str| Reader::new(text).string().unwrap().into_owned();
    assert_eq!(read(r#""a\"\\\/\b\f\n\r\tz""#), "a\"\\/\u{8}\u{c}\n\r\tz");
    assert_eq!(read(r#""\u00e9\ud83d\ude00""#), "é😀");
    assert_eq!(read(r#""\ud83d""#), "\u{fffd}");
    assert_eq!(read(r#""\ude00x""#), "\u{fffd}x");
    assert_eq!(read(r#""\ud83d\u0041""#), "\u{fffd}A");
    assert_eq!(read(r#""\ud83d\ud83d\ude00""#), "\u{fffd}😀");
}

#[test]
fn depth_is_limited_in_values_that_are_passed_over_too() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(accepts(&nested(MAX_DEPTH as usize)));
    let error = Reader::new(&nested(MAX_DEPTH as usize + 1)).skip().unwrap_err();
    assert_eq!(error.problem, ManifestProblem::TooLarge(("depth".into(), 128, 129)));
    assert_eq!(error.offset, 128);
    assert!(!accepts(&"[".repeat(1 << 20)));
    assert!(!accepts(&"{\"a\":".repeat(1 << 20)));
}

#[test]
fn sizes_have_no_sign_fraction_or_exponent_and_fit_63_bits() {
    let size = |text: &str| Reader::new(text).size();
    assert_eq!(size("0").unwrap(), 0);
    assert_eq!(size("9223372036854775807").unwrap(), (1 << 63) - 1);
    for text in
        ["-1", "-0", "1.0", "1e3", "9223372036854775808", "99999999999999999999999", "\"1\"", "null", "[]"]
    {
        assert!(matches!(size(text).unwrap_err().problem, ManifestProblem::Invalid(_)), "{text}");
    }
    assert_eq!(size("01x").unwrap(), 0, "the rest is not read");
}

#[test]
fn keys_fold_as_in_go() {
    assert!(fold_eq("manifests", "MANIFESTS"));
    assert!(fold_eq("manifests", "manife\u{17f}t\u{17f}"));
    assert!(fold_eq("Links", "lin\u{212a}s"));
    assert!(!fold_eq("manifests", "manifest"));
    assert!(!fold_eq("manifests", "manifestss"));
    assert!(!fold_eq("i", "\u{131}"));
}

#[test]
fn a_member_twice_or_in_two_cases_is_a_duplicate() {
    let read = |text: &str, case| Reader::new(text).record(&["os", "size"], case, |reader, _| reader.skip());
    let duplicate = |name: &str| ManifestProblem::Duplicate(name.into());
    for (text, case) in [
        (r#"{"os":1,"os":2}"#, Case::Exact),
        (r#"{"os":1,"\u006fs":2}"#, Case::Exact),
        (r#"{"os":1,"OS":2}"#, Case::Exact),
        (r#"{"OS":1,"os":2}"#, Case::Exact),
        (r#"{"os":null,"os":2}"#, Case::Exact),
        (r#"{"OS":1,"os":2}"#, Case::Folded),
        (r#"{"OS":1,"Os":2}"#, Case::Folded),
    ] {
        assert_eq!(read(text, case).unwrap_err().problem, duplicate("os"), "{text}");
    }
    let error = read(r#"{"size":1,"OS":1}"#, Case::Exact).unwrap_err();
    assert_eq!(error.problem, ManifestProblem::Invalid(("os".into(), "the key `os`".into(), "`OS`".into())));
    assert_eq!(error.offset, 10);
    assert!(read(r#"{"size":1,"OS":1,"other":1,"other":2}"#, Case::Folded).is_ok());
}

#[test]
fn an_error_names_its_member_by_the_way_to_it() {
    let text = r#"{"a": [0, {"b": {"c": 1}}]}"#;
    let error = Reader::new(text)
        .record(&["a"], Case::Exact, |reader, _| {
            let mut position = 0;
            reader.array("elements", 10, |reader| {
                position += 1;
                if position == 1 {
                    return reader.skip();
                }
                reader
                    .record(&["b"], Case::Exact, |reader, _| {
                        reader
                            .record(&["c"], Case::Exact, |reader, _| reader.string().map(|_| ()))
                            .map(|_| ())
                    })
                    .map(|_| ())
            })
        })
        .unwrap_err();
    assert_eq!(error.offset, 22);
    assert_eq!(
        error.problem,
        ManifestProblem::Invalid(("a[1].b.c".into(), "a string".into(), "a number".into()))
    );
}

#[test]
fn offsets_count_the_bytes_that_came() {
    let bytes = b"ab\xff\xfe\"\xc3\xa9\xffcd";
    let text = lossy(bytes, "document", 100).unwrap();
    assert_eq!(text, "ab\u{fffd}\u{fffd}\"é\u{fffd}cd");
    for (original, byte) in [(0, 'a'), (4, '"'), (5, 'é'), (8, 'c'), (9, 'd')] {
        let offset = text.find(byte).unwrap() as u64;
        assert_eq!(offset_before_lossy(bytes, offset), original);
    }
    assert_eq!(offset_before_lossy(bytes, text.len() as u64), bytes.len() as u64);
}

#[test]
fn maps_keep_their_order_and_refuse_a_key_twice() {
    let read = |text: &str| Reader::new(text).string_map("annotations", 100);
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(read(r#"{"b":"1","a":null}"#).unwrap(), [pair("b", "1"), pair("a", "")]);
    assert_eq!(read(r#"{"b":"1","b":"1"}"#).unwrap_err().problem, ManifestProblem::Duplicate("b".into()));
    let many = |extra: &str| {
        let pairs: Vec<String> = (0..50).map(|number| format!("\"k{number}\":\"\"")).collect();
        format!("{{{}{extra}}}", pairs.join(","))
    };
    assert_eq!(read(&many("")).unwrap().len(), 50);
    assert!(read(&many(",\"k3\":\"\"")).is_err());
    assert!(read(&many(",\"k49\":\"\"")).is_err());
    assert!(matches!(
        Reader::new(&many("")).string_map("annotations", 49).unwrap_err().problem,
        ManifestProblem::TooLarge((_, 49, 50))
    ));
}

#[test]
fn a_key_there_twice_is_found_among_few_and_among_many() {
    for (count, twice) in [(2, 1), (16, 15), (17, 16), (30, 25), (1000, 999), (1000, 20)] {
        let key = |at: usize| if at == twice { "k0".to_owned() } else { format!("k{at}") };
        let members: Vec<String> = (0..count).map(|at| format!(r#""{}":"v""#, key(at))).collect();
        let text = format!("{{{}}}", members.join(","));
        let error = Reader::new(&text).string_map("keys", 10_000).unwrap_err();
        assert_eq!(error.problem, ManifestProblem::Duplicate("k0".into()), "{count}, {twice}");
        assert_eq!(error.offset as usize, text.rfind(r#""k0""#).unwrap(), "{count}, {twice}");
    }
    let members: Vec<String> = (0..1000).map(|at| format!(r#""k{at}":"v""#)).collect();
    let pairs = Reader::new(&format!("{{{}}}", members.join(","))).string_map("keys", 1000).unwrap();
    assert_eq!((pairs.len(), pairs[999].0.as_str()), (1000, "k999"));
}
