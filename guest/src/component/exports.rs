//! Generated from the WIT package by tests/exports.rs; `UPDATE_EXPORTS=1 cargo test --test exports` does it anew.

use super::Component;
use super::abi::*;
use crate::types;
use crate::wit::exports::consign::image::{archives, digests, local_images, lookup, manifests, openpgp, platforms, podman_names, pull_goals, references, registries, resolution, selection, short_names, signatures, transports};

record!(types::Platform: size 48, align 4, slots 12, lower lift => { os @ 0, architecture @ 8, variant @ 16, os_version @ 28, os_features @ 40 });
record!(types::Descriptor: size 96, align 8, slots 23, lower lift => { media_type @ 0, digest @ 8, size @ 16, platform @ 24, annotations @ 76, artifact_type @ 84 });
record!(types::ImageName: size 40, align 4, slots 10, lower lift => { domain @ 0, path @ 8, tag @ 16, digest @ 28 });
enumeration!(types::Rules { 0 Docker, 1 Podman });
enumeration!(types::Transport { 0 Docker, 1 DockerArchive, 2 DockerDaemon, 3 Dir, 4 Oci, 5 OciArchive, 6 ContainersStorage, 7 Tarball, 8 Sif, 9 Atomic, 10 Ostree });
variant!(types::DigestProblem: size 12, align 4, slots 3, value @ 4, lower => { 0 Format, 1 Unsupported(value), 2 Length(value) });
variant!(types::ReferenceProblem: size 16, align 4, slots 4, value @ 4, lower => { 0 Empty, 1 Unexpected(value), 2 Uppercase(value), 3 UppercasePath(value), 4 Identifier, 5 TooLong(value), 6 Digest(value), 7 InvalidTag(value), 8 InvalidDigest(value), 9 NotCanonical(value) });
variant!(types::ManifestProblem: size 32, align 8, slots 7, value @ 8, lower => { 0 Syntax(value), 1 Missing(value), 2 Invalid(value), 3 Duplicate(value), 4 Ambiguous(value), 5 MediaTypeMismatch(value), 6 Unsupported(value), 7 TooLarge(value) });
record!(types::ManifestError: size 40, align 8, slots 8, lower => { offset @ 0, problem @ 8 });
variant!(types::ContentError: size 24, align 8, slots 3, value @ 8, lower lift => { 0 TooLarge(value), 1 Corrupt(value), 2 Unavailable(value) });
record!(types::AnswerError: size 16, align 8, slots 3, lower => { offset @ 0, reason @ 8 });
record!(archives::ArchiveImage: size 36, align 4, slots 9, lower => { config @ 0, repo_tags @ 8, layers @ 16, parent @ 24 });
record!(archives::LegacyTag: size 24, align 4, slots 6, lower => { repository @ 0, tag @ 8, id @ 16 });
record!(archives::LegacyImage: size 20, align 4, slots 5, lower => { id @ 0, parent @ 8 });
record!(archives::LegacyLayer: size 16, align 4, slots 4, lower => { id @ 0, json @ 8 });
enumeration!(digests::Algorithm { 0 Sha256, 1 Sha384, 2 Sha512 });
record!(digests::DigestError: size 24, align 4, slots 6, lower => { offset @ 0, problem @ 4, expected @ 16 });
record!(digests::DigestParts: size 12, align 4, slots 3, lower => { algorithm @ 0, encoded @ 4 });
variant!(digests::LookupError: size 12, align 4, slots 3, value @ 4, lower => { 0 NotFound, 1 Ambiguous(value) });
enumeration!(manifests::Kind { 0 OciIndex, 1 DockerList, 2 OciManifest, 3 DockerManifest });
record!(manifests::Index: size 136, align 8, slots 32, lower => { kind @ 0, entries @ 4, annotations @ 12, artifact_type @ 20, subject @ 32 });
record!(manifests::Manifest: size 240, align 8, slots 55, lower => { kind @ 0, config @ 8, layers @ 104, annotations @ 112, artifact_type @ 120, subject @ 136 });
variant!(manifests::Document: size 248, align 8, slots 56, value @ 8, lower => { 0 Index(value), 1 Manifest(value) });
record!(manifests::HistoryEntry: size 52, align 4, slots 13, lower => { created @ 0, created_by @ 12, author @ 24, comment @ 36, empty_layer @ 48 });
record!(manifests::Healthcheck: size 56, align 8, slots 8, lower => { test @ 0, interval @ 16, timeout @ 24, start_period @ 32, start_interval @ 40, retries @ 48 });
record!(manifests::ContainerConfig: size 256, align 8, slots 57, lower => { hostname @ 0, domainname @ 8, user @ 16, attach_stdin @ 24, attach_stdout @ 25, attach_stderr @ 26, exposed_ports @ 28, tty @ 40, open_stdin @ 41, stdin_once @ 42, env @ 44, cmd @ 56, healthcheck @ 72, args_escaped @ 136, image @ 140, volumes @ 148, working_dir @ 160, entrypoint @ 168, network_disabled @ 180, mac_address @ 184, on_build @ 192, labels @ 204, stop_signal @ 216, stop_timeout @ 224, shell @ 240 });
record!(manifests::ImageConfig: size 672, align 8, slots 152, lower => { platform @ 0, created @ 48, author @ 60, rootfs_type @ 72, diff_ids @ 80, history @ 88, config @ 96, parent @ 360, comment @ 372, docker_version @ 384, container @ 396, container_config @ 408 });
record!(openpgp::Signature: size 72, align 4, slots 23, lower => { version @ 0, kind @ 1, key_algorithm @ 2, hash_algorithm @ 3, trailer @ 4, hash_start @ 12, integers @ 16, created @ 24, expires @ 32, key_expires @ 40, key_flags @ 48, key_ids @ 52, fingerprints @ 60, unknown_condition @ 68 });
record!(openpgp::Compressed: size 12, align 4, slots 3, lower => { algorithm @ 0, data @ 4 });
record!(openpgp::Signed: size 16, align 4, slots 4, lower => { text @ 0, signatures @ 8 });
variant!(openpgp::Message: size 20, align 4, slots 5, value @ 4, lower => { 0 Compressed(value), 1 Signed(value) });
record!(openpgp::PublicKey: size 36, align 4, slots 9, lower => { version @ 0, created @ 4, algorithm @ 8, curve @ 12, integers @ 20, hashed @ 28 });
record!(openpgp::User: size 16, align 4, slots 4, lower => { hashed @ 0, signatures @ 8 });
record!(openpgp::Binding: size 148, align 4, slots 47, lower => { signature @ 0, agreement @ 72 });
record!(openpgp::Subkey: size 44, align 4, slots 11, lower => { key @ 0, bindings @ 36 });
record!(openpgp::Key: size 60, align 4, slots 15, lower => { primary @ 0, signatures @ 36, users @ 44, subkeys @ 52 });
enumeration!(platforms::PlatformProblem { 0 Wildcard, 1 OperatingSystem, 2 OsVersion, 3 OsFeature, 4 Component, 5 Unknown, 6 TooManyComponents });
record!(platforms::PlatformError: size 24, align 8, slots 4, lower => { offset @ 0, component @ 8, problem @ 16 });
variant!(platforms::Matcher: size 52, align 4, slots 13, value @ 4, lift => { 0 Exact(value), 1 Only(value), 2 OnlyStrict(value), 3 Any(value), 4 Ordered(value), 5 OnlyOs(value), 6 DockerWithFallback(value) });
enumeration!(references::Reading { 0 AsWritten, 1 Normalized, 2 Any, 3 Docker, 4 Canonical });
variant!(references::Reference: size 44, align 4, slots 11, value @ 4, lower lift => { 0 Named(value), 1 Digest(value) });
record!(references::ReferenceError: size 28, align 4, slots 7, lower => { offset @ 0, problem @ 4, expected @ 20 });
record!(references::PatternError: size 12, align 4, slots 3, lower => { offset @ 0, expected @ 4 });
record!(registries::Challenge: size 16, align 4, slots 4, lower => { scheme @ 0, parameters @ 8 });
record!(registries::Token: size 32, align 8, slots 6, lower => { token @ 0, expires_in @ 8, refresh_token @ 16 });
record!(registries::TagPage: size 12, align 4, slots 3, lower => { tags @ 0, malformed @ 8 });
record!(registries::RegistryProblem: size 16, align 4, slots 4, lower => { code @ 0, message @ 8 });
record!(registries::Url: size 28, align 4, slots 8, lower => { scheme @ 0, host @ 8, port @ 16, target @ 20 });
record!(registries::Span: size 32, align 8, slots 4, lower => { first @ 0, last @ 8, size @ 16 });
enumeration!(selection::Rule { 0 Docker, 1 DockerStrict, 2 DockerPull, 3 Podman, 4 PodmanGzip, 5 PodmanZstd, 6 FirstMatch });
enumeration!(selection::IndexFormat { 0 OciIndex, 1 DockerList });
record!(selection::Criteria: size 60, align 4, slots 16, lift => { wanted @ 0, rule @ 48, format @ 49, host_os @ 52 });
variant!(selection::Reason: size 16, align 4, slots 4, value @ 4, lower => { 0 Best, 1 Outranked(value), 2 OtherOs(value), 3 OtherArchitecture(value), 4 OtherVariant(value), 5 OtherOsVersion(value), 6 MissingOsFeatures(value), 7 NoPlatform, 8 Attestation, 9 NotAnImage(value) });
record!(selection::Choice: size 16, align 4, slots 4, lower => { order @ 0, reasons @ 8 });
record!(resolution::Options: size 104, align 4, slots 26, lift => { platform @ 0, host @ 52, rules @ 100 });
variant!(resolution::Subject: size 104, align 8, slots 24, value @ 8, lift => { 0 Text(value), 1 Target(value) });
variant!(resolution::Matched: size 44, align 4, slots 11, value @ 4, lower => { 0 Target, 1 Name(value), 2 Digest(value), 3 Prefix(value) });
variant!(resolution::Step: size 104, align 8, slots 24, value @ 8, lower => { 0 LookedUp(value), 1 Searched(value), 2 Dangling(value), 3 ConfigPlatform(value), 4 Vouched(value) });
variant!(resolution::Verdict: size 52, align 4, slots 13, value @ 4, lower => { 0 Chosen, 1 PassedOver(value), 2 Absent, 3 ConfigDisagrees(value), 4 NothingWithin });
record!(resolution::Considered: size 168, align 8, slots 40, lower => { index @ 0, position @ 8, depth @ 12, entry @ 16, verdict @ 112 });
record!(resolution::Layer: size 120, align 8, slots 28, lower => { blob @ 0, diff_id @ 104, chain_id @ 112 });
record!(resolution::Resolved: size 408, align 8, slots 97, lower => { matched @ 0, target @ 48, indexes @ 144, manifest @ 152, config @ 256, platform @ 352, layers @ 400 });
record!(resolution::Explanation: size 16, align 4, slots 4, lower => { steps @ 0, considered @ 8 });
record!(resolution::Mismatch: size 108, align 4, slots 27, lower => { wanted @ 0, image @ 48 });
variant!(resolution::ResolveError: size 144, align 8, slots 32, value @ 8, lower => { 0 Name(value), 1 NotFound(value), 2 Ambiguous(value), 3 Platform(value), 4 Incomplete(value), 5 Document(value), 6 NotAnImage(value), 7 LayerCount(value), 8 Limit(value), 9 Content(value) });
variant!(resolution::Request: size 104, align 8, slots 24, value @ 8, lower => { 0 Find(value), 1 Search(value), 2 Read(value), 3 Indexes(value), 4 Manifests(value), 5 Done });
variant!(resolution::Answer: size 112, align 8, slots 25, value @ 8, lift => { 0 Found(value), 1 Several(value), 2 Content(value), 3 Text(value), 4 Failed(value) });
record!(lookup::Located: size 144, align 8, slots 34, lower => { matched @ 0, target @ 48 });
variant!(lookup::LocateError: size 40, align 8, slots 8, value @ 8, lower => { 0 Name(value), 1 NotFound(value), 2 Ambiguous(value), 3 Content(value) });
record!(short_names::Unreadable: size 20, align 4, slots 5, lower => { text @ 0, offset @ 8, expected @ 12 });
enumeration!(short_names::Mode { 0 Disabled, 1 Permissive, 2 Enforcing });
record!(short_names::Configuration: size 20, align 4, slots 5, lift => { aliases @ 0, search_registries @ 8, mode @ 16 });
variant!(short_names::ConfigurationProblem: size 24, align 4, slots 6, value @ 4, lower => { 0 Unreadable(value), 1 Tagged(value), 2 Qualified, 3 Short(value), 4 Registry, 5 Url });
record!(short_names::ConfigurationError: size 32, align 4, slots 8, lower => { entry @ 0, problem @ 8 });
enumeration!(short_names::Purpose { 0 Pull, 1 Local });
enumeration!(short_names::Rationale { 0 Qualified, 1 Alias, 2 Search, 3 DockerHub });
record!(short_names::Completion: size 20, align 4, slots 5, lower => { candidates @ 0, rationale @ 8, repository @ 12 });
variant!(short_names::ShortNameError: size 24, align 4, slots 6, value @ 4, lower => { 0 Unreadable(value), 1 NoRegistries, 2 Ambiguous(value) });
enumeration!(local_images::Order { 0 Podman, 1 PodmanOne });
record!(local_images::LocalImage: size 36, align 4, slots 9, lift => { id @ 0, names @ 8, digests @ 16, platform @ 24, fits @ 32 });
record!(local_images::Criteria: size 28, align 4, slots 7, lift => { order @ 0, configuration @ 4, platform_asked @ 24 });
record!(local_images::Narrowing: size 60, align 4, slots 15, lower => { id_prefix @ 0, names @ 12, suffix @ 20, tag @ 32, digest @ 44, digested @ 56 });
variant!(local_images::Attempt: size 12, align 4, slots 3, value @ 4, lower => { 0 Name(value), 1 Id(value), 2 Suffix(value) });
variant!(local_images::Attempted: size 12, align 4, slots 3, value @ 4, lower => { 0 Absent, 1 Found(value), 2 OtherPlatform(value), 3 Several });
record!(local_images::Match: size 56, align 4, slots 14, lower => { position @ 0, name @ 4, resolved @ 48 });
variant!(local_images::FindError: size 24, align 4, slots 6, value @ 4, lower => { 0 Unreadable(value), 1 UnreadableInFull(value), 2 NotAnId(value), 3 Transport(value), 4 NotFound(value), 5 Ambiguous(value) });
record!(local_images::Outcome: size 68, align 4, slots 17, lower => { tried @ 0, found @ 8 });
record!(podman_names::Parts: size 44, align 4, slots 11, lower => { name @ 0, has_registry @ 8, registry @ 12, repository @ 20, tag @ 28, base_name @ 36 });
record!(podman_names::Repository: size 16, align 4, slots 4, lower => { name @ 0, references @ 8 });
variant!(podman_names::QualifyError: size 24, align 4, slots 6, value @ 4, lower => { 0 Unreadable(value), 1 HasRegistry, 2 NoRegistry });
variant!(podman_names::MatchError: size 24, align 4, slots 6, value @ 4, lower => { 0 Unreadable(value), 1 NotFound, 2 Ambiguous(value) });
record!(pull_goals::Pair: size 24, align 4, slots 6, lower => { image @ 0, source @ 8, destination @ 16 });
record!(pull_goals::Goal: size 24, align 4, slots 6, lower => { pairs @ 0, all @ 8, searched @ 12 });
record!(pull_goals::Contents: size 16, align 4, slots 4, lift => { names @ 0, config @ 8 });
variant!(pull_goals::GoalError: size 24, align 4, slots 6, value @ 4, lower => { 0 Name(value), 1 Source(value), 2 Destination(value), 3 Unread });
variant!(pull_goals::Wanted: size 32, align 4, slots 8, value @ 4, lift => { 0 Name(value), 1 Source(value), 2 Pair(value) });
enumeration!(signatures::SignatureForm { 0 SimpleSigning, 1 Sigstore });
record!(signatures::Attachment: size 24, align 4, slots 6, lower => { media_type @ 0, payload @ 8, annotations @ 16 });
variant!(signatures::KeptSignature: size 32, align 8, slots 7, value @ 8, lower => { 0 SimpleSigning(value), 1 Sigstore(value), 2 Other(value) });
variant!(signatures::ListedSignature: size 12, align 4, slots 3, value @ 4, lower => { 0 SimpleSigning(value), 1 Other(value) });
record!(signatures::Claim: size 48, align 8, slots 9, lower => { manifest_digest @ 0, reference @ 8, creator @ 16, timestamp @ 32 });
record!(transports::StoreLocation: size 32, align 4, slots 8, lower lift => { driver @ 0, graph_root @ 8, run_root @ 16, options @ 24 });
record!(transports::ImageReference: size 152, align 8, slots 35, lower lift => { transport @ 0, path @ 4, files @ 16, name @ 24, unknown_digest @ 68, id @ 72, ref_name @ 84, position @ 96, store @ 112 });
record!(transports::StorageQuestion: size 48, align 4, slots 12, lower => { store @ 0, id_prefix @ 36 });
record!(transports::StorageAnswer: size 48, align 4, slots 12, lift => { store @ 0, id @ 36 });
variant!(transports::TransportProblem: size 24, align 8, slots 5, value @ 8, lower => { 0 NoTransport, 1 UnknownTransport(value), 2 Unsupported(value), 3 Empty, 4 NoSlashes, 5 Name(value), 6 NoTag, 7 NoTagOrDigest, 8 TagAndDigest, 9 TagAndUnknownDigest, 10 IdAlgorithm(value), 11 ReservedName, 12 InvalidPosition(value), 13 NegativePosition(value), 14 InvalidRefName(value), 15 InvalidStore, 16 RelativeStorePath(value), 17 NoStoreRoot, 18 NotAnId(value), 19 Components(value) });
record!(transports::TransportError: size 40, align 8, slots 8, lower => { offset @ 0, problem @ 8, expected @ 32 });
record!(transports::PolicyScope: size 16, align 4, slots 4, lower => { identity @ 0, namespaces @ 8 });

#[cfg(any(feature = "names", feature = "resolver"))]
mod references_exports {
    use super::*;
    use super::references::{Guest};

    export!("consign:image/references@0.1.0#parse" parse(p0: u32, p1: u32, p2: u32, p3: u32) -> pointer |from| Component::parse(from.next(), from.next(), from.next()));
    export!("consign:image/references@0.1.0#format" format(p0: u32, p1: u32, p2: u32, p3: u32, p4: u32, p5: u32, p6: u32, p7: u32, p8: u32, p9: u32, p10: u32) -> pointer |from| Component::format(from.next()));
    export!("consign:image/references@0.1.0#familiar-name" familiar_name(p0: u32, p1: u32, p2: u32, p3: u32, p4: u32, p5: u32, p6: u32, p7: u32, p8: u32, p9: u32) -> pointer |from| Component::familiar_name(from.next()));
    export!("consign:image/references@0.1.0#familiar-string" familiar_string(p0: u32, p1: u32, p2: u32, p3: u32, p4: u32, p5: u32, p6: u32, p7: u32, p8: u32, p9: u32, p10: u32) -> pointer |from| Component::familiar_string(from.next()));
    export!("consign:image/references@0.1.0#trim" trim(p0: u32, p1: u32, p2: u32, p3: u32, p4: u32, p5: u32, p6: u32, p7: u32, p8: u32, p9: u32) -> pointer |from| Component::trim(from.next()));
    export!("consign:image/references@0.1.0#tag-name-only" tag_name_only(p0: u32, p1: u32, p2: u32, p3: u32, p4: u32, p5: u32, p6: u32, p7: u32, p8: u32, p9: u32) -> pointer |from| Component::tag_name_only(from.next()));
    export!("consign:image/references@0.1.0#with-name" with_name(p0: u32, p1: u32, p2: u32) -> pointer |from| Component::with_name(from.next(), from.next()));
    export!("consign:image/references@0.1.0#with-tag" with_tag(p0: u32, p1: u32, p2: u32, p3: u32, p4: u32, p5: u32, p6: u32, p7: u32, p8: u32, p9: u32, p10: u32, p11: u32) -> pointer |from| Component::with_tag(from.next(), from.next()));
    export!("consign:image/references@0.1.0#with-digest" with_digest(p0: u32, p1: u32, p2: u32, p3: u32, p4: u32, p5: u32, p6: u32, p7: u32, p8: u32, p9: u32, p10: u32, p11: u32) -> pointer |from| Component::with_digest(from.next(), from.next()));
    export!("consign:image/references@0.1.0#familiar-match" familiar_match(p0: u32, p1: u32, p2: u32, p3: u32, p4: u32, p5: u32, p6: u32, p7: u32, p8: u32, p9: u32, p10: u32, p11: u32, p12: u32) -> pointer |from| Component::familiar_match(from.next(), from.next()));
    export!("consign:image/references@0.1.0#sort" sort(p0: u32, p1: u32) -> pointer |from| Component::sort(from.next()));
}

#[cfg(any(feature = "names", feature = "sources"))]
mod digests_exports {
    use super::*;
    use super::digests::{Guest, DigestSet, DigestSetBorrow, GuestDigestSet};

    type BehindDigestSet = <Component as Guest>::DigestSet;
    resource!(DigestSet: BehindDigestSet, drop "consign:image/digests@0.1.0#[dtor]digest-set" drop_digest_set);
    export!("consign:image/digests@0.1.0#parse" parse(p0: u32, p1: u32) -> pointer |from| Component::parse(from.next()));
    export!("consign:image/digests@0.1.0#is-well-formed" is_well_formed(p0: u32, p1: u32) -> direct |from| Component::is_well_formed(from.next()));
    export!("consign:image/digests@0.1.0#compute" compute(p0: u32, p1: u32, p2: u32) -> pointer |from| Component::compute(from.next(), from.next()));
    export!("consign:image/digests@0.1.0#[constructor]digest-set" digest_set() -> direct |from| DigestSet::new(<BehindDigestSet as GuestDigestSet>::new()));
    export!("consign:image/digests@0.1.0#[method]digest-set.add" digest_set_add(p0: u32, p1: u32, p2: u32) -> pointer |from| <BehindDigestSet as GuestDigestSet>::add(DigestSetBorrow::lift(from.pointer()).get::<BehindDigestSet>(), from.next()));
    export!("consign:image/digests@0.1.0#[method]digest-set.remove" digest_set_remove(p0: u32, p1: u32, p2: u32) -> pointer |from| <BehindDigestSet as GuestDigestSet>::remove(DigestSetBorrow::lift(from.pointer()).get::<BehindDigestSet>(), from.next()));
    export!("consign:image/digests@0.1.0#[method]digest-set.lookup" digest_set_lookup(p0: u32, p1: u32, p2: u32) -> pointer |from| <BehindDigestSet as GuestDigestSet>::lookup(DigestSetBorrow::lift(from.pointer()).get::<BehindDigestSet>(), from.next()));
    export!("consign:image/digests@0.1.0#[method]digest-set.all" digest_set_all(p0: u32) -> pointer |from| <BehindDigestSet as GuestDigestSet>::all(DigestSetBorrow::lift(from.pointer()).get::<BehindDigestSet>()));
    export!("consign:image/digests@0.1.0#[method]digest-set.short-code-table" digest_set_short_code_table(p0: u32, p1: u32) -> pointer |from| <BehindDigestSet as GuestDigestSet>::short_code_table(DigestSetBorrow::lift(from.pointer()).get::<BehindDigestSet>(), from.next()));
}

#[cfg(any(feature = "names", feature = "resolver"))]
mod platforms_exports {
    use super::*;
    use super::platforms::{Guest};

    export!("consign:image/platforms@0.1.0#parse" parse(p0: u32, p1: u32, p2: u32, p3: u32, p4: u32, p5: u32, p6: u32, p7: u32, p8: u32, p9: u32, p10: u32, p11: u32, p12: u32, p13: u32) -> pointer |from| Component::parse(from.next(), from.next()));
    export!("consign:image/platforms@0.1.0#normalize" normalize(p0: u32, p1: u32, p2: u32, p3: u32, p4: u32, p5: u32, p6: u32, p7: u32, p8: u32, p9: u32, p10: u32, p11: u32, p12: u32, p13: u32) -> pointer |from| Component::normalize(from.next(), from.next()));
    export!("consign:image/platforms@0.1.0#format" format(p0: u32, p1: u32, p2: u32, p3: u32, p4: u32, p5: u32, p6: u32, p7: u32, p8: u32, p9: u32, p10: u32, p11: u32) -> pointer |from| Component::format(from.next()));
    export!("consign:image/platforms@0.1.0#format-all" format_all(p0: u32, p1: u32, p2: u32, p3: u32, p4: u32, p5: u32, p6: u32, p7: u32, p8: u32, p9: u32, p10: u32, p11: u32) -> pointer |from| Component::format_all(from.next()));
    export!("consign:image/platforms@0.1.0#matches" matches(spilled 108, 4) -> direct |from| Component::matches(from.next(), from.next(), from.next()));
    export!("consign:image/platforms@0.1.0#order" order(spilled 68, 4) -> pointer |from| Component::order(from.next(), from.next(), from.next()));
}

#[cfg(any(feature = "names", feature = "resolver"))]
mod manifests_exports {
    use super::*;
    use super::manifests::{Guest};

    export!("consign:image/manifests@0.1.0#parse" parse(p0: u32, p1: u32, p2: u32, p3: u32, p4: u32) -> pointer |from| Component::parse(from.next(), from.next()));
    export!("consign:image/manifests@0.1.0#parse-text" parse_text(p0: u32, p1: u32, p2: u32, p3: u32, p4: u32) -> pointer |from| Component::parse_text(from.next(), from.next()));
    export!("consign:image/manifests@0.1.0#parse-config" parse_config(p0: u32, p1: u32) -> pointer |from| Component::parse_config(from.next()));
    export!("consign:image/manifests@0.1.0#parse-config-text" parse_config_text(p0: u32, p1: u32) -> pointer |from| Component::parse_config_text(from.next()));
    export!("consign:image/manifests@0.1.0#chain-ids" chain_ids(p0: u32, p1: u32) -> pointer |from| Component::chain_ids(from.next()));
    export!("consign:image/manifests@0.1.0#parse-layout" parse_layout(p0: u32, p1: u32) -> pointer |from| Component::parse_layout(from.next()));
}

#[cfg(any(feature = "names", feature = "resolver"))]
mod selection_exports {
    use super::*;
    use super::selection::{Guest};

    export!("consign:image/selection@0.1.0#choose" choose(spilled 68, 4) -> pointer |from| Component::choose(from.next(), from.next()));
}

#[cfg(any(feature = "names", feature = "resolver"))]
mod resolution_exports {
    use super::*;
    use super::resolution::{Guest, Resolution, ResolutionBorrow, GuestResolution};

    type BehindResolution = <Component as Guest>::Resolution;
    resource!(Resolution: BehindResolution, drop "consign:image/resolution@0.1.0#[dtor]resolution" drop_resolution);
    export!("consign:image/resolution@0.1.0#[constructor]resolution" resolution(spilled 208, 8) -> direct |from| Resolution::new(<BehindResolution as GuestResolution>::new(from.next(), from.next())));
    export!("consign:image/resolution@0.1.0#[method]resolution.next" resolution_next(p0: u32) -> pointer |from| <BehindResolution as GuestResolution>::next(ResolutionBorrow::lift(from.pointer()).get::<BehindResolution>()));
    export!("consign:image/resolution@0.1.0#[method]resolution.supply" resolution_supply(spilled 120, 8) -> nothing |from| <BehindResolution as GuestResolution>::supply(ResolutionBorrow::lift(from.pointer()).get::<BehindResolution>(), from.next()));
    export!("consign:image/resolution@0.1.0#[method]resolution.explain" resolution_explain(p0: u32) -> pointer |from| <BehindResolution as GuestResolution>::explain(ResolutionBorrow::lift(from.pointer()).get::<BehindResolution>()));
    export!("consign:image/resolution@0.1.0#[static]resolution.finish" resolution_finish(p0: u32) -> pointer |from| <BehindResolution as GuestResolution>::finish(from.next()));
}

#[cfg(any(feature = "resolver"))]
mod lookup_exports {
    use super::*;
    use super::lookup::{Guest};

    export!("consign:image/lookup@0.1.0#resolve" resolve(spilled 208, 8) -> direct |from| Component::resolve(from.next(), from.next()));
    export!("consign:image/lookup@0.1.0#locate" locate(p0: u32, p1: u32, p2: u32) -> pointer |from| Component::locate(from.next(), from.next()));
}

#[cfg(any(feature = "sources"))]
mod transports_exports {
    use super::*;
    use super::transports::{Guest};

    export!("consign:image/transports@0.1.0#transport-of" transport_of(p0: u32, p1: u32) -> pointer |from| Component::transport_of(from.next()));
    export!("consign:image/transports@0.1.0#ask-storage" ask_storage(p0: u32, p1: u32) -> pointer |from| Component::ask_storage(from.next()));
    export!("consign:image/transports@0.1.0#parse" parse(p0: u32, p1: u32, p2: u32, p3: u32, p4: u32, p5: u32, p6: u32, p7: u32, p8: u32, p9: u32, p10: u32, p11: u32, p12: u32, p13: u32, p14: u32) -> pointer |from| Component::parse(from.next(), from.next()));
    export!("consign:image/transports@0.1.0#format" format(spilled 152, 8) -> pointer |from| Component::format(from.next()));
    export!("consign:image/transports@0.1.0#string-within-transport" string_within_transport(spilled 152, 8) -> pointer |from| Component::string_within_transport(from.next()));
    export!("consign:image/transports@0.1.0#policy" policy(spilled 168, 8) -> pointer |from| Component::policy(from.next(), from.next()));
}

#[cfg(any(feature = "sources"))]
mod archives_exports {
    use super::*;
    use super::archives::{Guest};

    export!("consign:image/archives@0.1.0#parse-manifest-json" parse_manifest_json(p0: u32, p1: u32) -> pointer |from| Component::parse_manifest_json(from.next()));
    export!("consign:image/archives@0.1.0#parse-repositories" parse_repositories(p0: u32, p1: u32) -> pointer |from| Component::parse_repositories(from.next()));
    export!("consign:image/archives@0.1.0#parse-legacy-image" parse_legacy_image(p0: u32, p1: u32) -> pointer |from| Component::parse_legacy_image(from.next()));
    export!("consign:image/archives@0.1.0#legacy-config" legacy_config(p0: u32, p1: u32, p2: u32, p3: u32) -> pointer |from| Component::legacy_config(from.next(), from.next()));
    export!("consign:image/archives@0.1.0#legacy-layers" legacy_layers(p0: u32, p1: u32, p2: u32, p3: u32) -> pointer |from| Component::legacy_layers(from.next(), from.next()));
    export!("consign:image/archives@0.1.0#docker-manifest" docker_manifest(spilled 104, 8) -> pointer |from| Component::docker_manifest(from.next(), from.next()));
}

#[cfg(any(feature = "sources"))]
mod registries_exports {
    use super::*;
    use super::registries::{Guest};

    export!("consign:image/registries@0.1.0#challenges" challenges(p0: u32, p1: u32) -> pointer |from| Component::challenges(from.next()));
    export!("consign:image/registries@0.1.0#read-token" read_token(p0: u32, p1: u32) -> pointer |from| Component::read_token(from.next()));
    export!("consign:image/registries@0.1.0#read-tags" read_tags(p0: u32, p1: u32) -> pointer |from| Component::read_tags(from.next()));
    export!("consign:image/registries@0.1.0#read-problems" read_problems(p0: u32, p1: u32) -> pointer |from| Component::read_problems(from.next()));
    export!("consign:image/registries@0.1.0#locate" locate(p0: u32, p1: u32, p2: u32, p3: u32) -> pointer |from| Component::locate(from.next(), from.next()));
    export!("consign:image/registries@0.1.0#next-page" next_page(p0: u32, p1: u32, p2: u32, p3: u32) -> pointer |from| Component::next_page(from.next(), from.next()));
    export!("consign:image/registries@0.1.0#read-range" read_range(p0: u32, p1: u32) -> pointer |from| Component::read_range(from.next()));
    export!("consign:image/registries@0.1.0#read-date" read_date(p0: u32, p1: u32) -> pointer |from| Component::read_date(from.next()));
}

#[cfg(any(feature = "podman"))]
mod short_names_exports {
    use super::*;
    use super::short_names::{Guest};

    export!("consign:image/short-names@0.1.0#check" check(p0: u32, p1: u32, p2: u32, p3: u32, p4: u32) -> pointer |from| Component::check(from.next()));
    export!("consign:image/short-names@0.1.0#is-short" is_short(p0: u32, p1: u32) -> direct |from| Component::is_short(from.next()));
    export!("consign:image/short-names@0.1.0#complete" complete(p0: u32, p1: u32, p2: u32, p3: u32, p4: u32, p5: u32, p6: u32, p7: u32, p8: u32) -> pointer |from| Component::complete(from.next(), from.next(), from.next(), from.next()));
}

#[cfg(any(feature = "podman"))]
mod podman_names_exports {
    use super::*;
    use super::podman_names::{Guest};

    export!("consign:image/podman-names@0.1.0#decompose" decompose(p0: u32, p1: u32) -> pointer |from| Component::decompose(from.next()));
    export!("consign:image/podman-names@0.1.0#qualify" qualify(p0: u32, p1: u32, p2: u32, p3: u32, p4: u32) -> pointer |from| Component::qualify(from.next(), from.next()));
    export!("consign:image/podman-names@0.1.0#normalized-tag" normalized_tag(p0: u32, p1: u32) -> pointer |from| Component::normalized_tag(from.next()));
    export!("consign:image/podman-names@0.1.0#has-transport" has_transport(p0: u32, p1: u32) -> direct |from| Component::has_transport(from.next()));
    export!("consign:image/podman-names@0.1.0#strip-sha256" strip_sha256(p0: u32, p1: u32) -> pointer |from| Component::strip_sha256(from.next()));
    export!("consign:image/podman-names@0.1.0#repositories" repositories(p0: u32, p1: u32) -> pointer |from| Component::repositories(from.next()));
    export!("consign:image/podman-names@0.1.0#is-image-uri" is_image_uri(p0: u32, p1: u32) -> direct |from| Component::is_image_uri(from.next()));
    export!("consign:image/podman-names@0.1.0#save-name" save_name(p0: u32, p1: u32, p2: u32, p3: u32, p4: u32, p5: u32) -> pointer |from| Component::save_name(from.next(), from.next(), from.next()));
    export!("consign:image/podman-names@0.1.0#match-repo-tag" match_repo_tag(p0: u32, p1: u32, p2: u32, p3: u32) -> pointer |from| Component::match_repo_tag(from.next(), from.next()));
}

#[cfg(any(feature = "podman"))]
mod local_images_exports {
    use super::*;
    use super::local_images::{Guest};

    export!("consign:image/local-images@0.1.0#narrow" narrow(p0: u32, p1: u32, p2: u32, p3: u32, p4: u32, p5: u32, p6: u32, p7: u32, p8: u32) -> pointer |from| Component::narrow(from.next(), from.next()));
    export!("consign:image/local-images@0.1.0#find" find(p0: u32, p1: u32, p2: u32, p3: u32, p4: u32, p5: u32, p6: u32, p7: u32, p8: u32, p9: u32, p10: u32) -> pointer |from| Component::find(from.next(), from.next(), from.next()));
}

#[cfg(any(feature = "podman"))]
mod pull_goals_exports {
    use super::*;
    use super::pull_goals::{Guest};

    export!("consign:image/pull-goals@0.1.0#goal-of" goal_of(p0: u32, p1: u32, p2: u32, p3: u32, p4: u32, p5: u32, p6: u32, p7: u32) -> pointer |from| Component::goal_of(from.next()));
}

#[cfg(any(feature = "podman"))]
mod signatures_exports {
    use super::*;
    use super::signatures::{Guest};

    export!("consign:image/signatures@0.1.0#read-kept" read_kept(p0: u32, p1: u32) -> pointer |from| Component::read_kept(from.next()));
    export!("consign:image/signatures@0.1.0#read-list" read_list(p0: u32, p1: u32) -> pointer |from| Component::read_list(from.next()));
    export!("consign:image/signatures@0.1.0#read-claim" read_claim(p0: u32, p1: u32, p2: u32) -> pointer |from| Component::read_claim(from.next(), from.next()));
}

#[cfg(any(feature = "podman"))]
mod openpgp_exports {
    use super::*;
    use super::openpgp::{Guest};

    export!("consign:image/openpgp@0.1.0#read-message" read_message(p0: u32, p1: u32) -> pointer |from| Component::read_message(from.next()));
    export!("consign:image/openpgp@0.1.0#read-keys" read_keys(p0: u32, p1: u32) -> pointer |from| Component::read_keys(from.next()));
}
