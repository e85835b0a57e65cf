#![no_main]

use consign_guest::platform;
use consign_guest::types::Platform;
use consign_guest::wit::exports::consign::image::platforms::Matcher;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let host = Platform {
        os: "linux".into(),
        architecture: "arm64".into(),
        variant: Some("v8".into()),
        os_version: None,
        os_features: Vec::new(),
    };
    let parsed: Vec<Platform> =
        text.split(',').take(40).filter_map(|part| platform::parse(part, &host).ok()).collect();
    for one in &parsed {
        let normal = platform::normalize(one, &host.os);
        assert_eq!(platform::normalize(&normal, &host.os), normal);
        let _ = (platform::format(one), platform::format_all(one));
        for matcher in [
            Matcher::Exact(one.clone()),
            Matcher::Only(one.clone()),
            Matcher::OnlyStrict(one.clone()),
            Matcher::OnlyOs(one.clone()),
            Matcher::DockerWithFallback(one.clone()),
            Matcher::Any(parsed.clone()),
            Matcher::Ordered(parsed.clone()),
        ] {
            let mut order = platform::order(&matcher, &parsed, &host.os);
            order.sort_unstable();
            assert!(order.into_iter().eq(0..parsed.len() as u32), "an order has every position once");
        }
    }
});
