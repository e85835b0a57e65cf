use std::fs::{self, File};
use std::path::Path;

use serde_json::{Value, json};

use super::api::references::{self, Reference, ReferenceProblem};
use super::api::transports::*;
use crate::harness;

const GRAPH_ROOT: &str = "/var/lib/vectors/graph";
const RUN_ROOT: &str = "/var/lib/vectors/run";

#[test]
fn transports() {
    // The cases want a directory two levels below /tmp, with these files in it.
    let above = tempfile::Builder::new().prefix("consign-vectors").tempdir_in("/tmp").unwrap();
    let current = above.path().join("current");
    fs::create_dir_all(current.join("adir/sub")).unwrap();
    fs::create_dir(current.join("a:colon")).unwrap();
    fs::write(current.join("file.tar"), "").unwrap();
    std::os::unix::fs::symlink("adir", current.join("link")).unwrap();
    let place = Place { current: &current, above: above.path().to_str().unwrap() };
    harness::run("transports.jsonl", harness::input, |case| place.check(case));
}

/// The machine's side of the cases.
struct Place<'a> {
    current: &'a Path,
    above: &'a str,
}

impl Place<'_> {
    fn check(&self, case: &Value) -> Result<(), String> {
        let input = self.filled_in(case["input"].as_str().unwrap());
        harness::same(
            "transport_from_image_name",
            &case["transport_from_image_name"],
            &json!(transport_of(&input).map(name)),
        )?;
        let image = match self.read(&input) {
            Ok(image) => image,
            Err(refused) => {
                harness::same("ok", &case["ok"], &json!(false))
                    .map_err(|wrong| format!("{wrong}: {refused:?}"))?;
                return refused.check(case["error"].as_str().unwrap());
            }
        };
        harness::same("ok", &case["ok"], &json!(true))?;
        let text = |text: &str| json!(self.placeholders(text));
        harness::same("transport", &case["transport"], &json!(name(image.transport)))?;
        harness::same("image_name", &case["image_name"], &text(&format(&image)))?;
        let within = string_within_transport(&image);
        harness::same("string_within_transport", &case["string_within_transport"], &text(&within))?;
        let name = image.name.clone().map(|name| references::format(&Reference::Named(name)));
        harness::same("docker_reference", &case["docker_reference"], &json!(name))?;
        let again = self.read(&format(&image)).map(|image| format(&image));
        let round_trips = again.is_ok_and(|again| again == format(&image));
        harness::same("round_trips", &case["round_trips"], &json!(round_trips))?;

        let panics = !matches!(case["policy_panics"], Value::Null | Value::Bool(false));
        match policy(&image, self.explicit(&image).as_deref()) {
            None => harness::same("policy", &json!(panics), &json!(true)),
            Some(_) if panics => Err("policy: wanted none".to_owned()),
            Some(PolicyScope { identity, namespaces }) => {
                harness::same("identity", &case["policy_configuration_identity"], &text(&identity))?;
                let namespaces: Vec<_> = namespaces.iter().map(|namespace| text(namespace)).collect();
                harness::same("namespaces", &case["policy_configuration_namespaces"], &json!(namespaces))
            }
        }
    }

    /// Reads a name as the peer does, which also looks whether the files are there.
    fn read(&self, text: &str) -> Result<ImageReference, Refused> {
        let answer =
            ask_storage(text).map(|question| StorageAnswer { store: Some(opened(question.store)), id: None });
        let image = parse(text, answer).map_err(Refused::ByGuest)?;
        if let Some(path) = &image.path
            && image.transport != Transport::DockerArchive
        {
            consign::explicit_path::resolve(self.current, path).map_err(|_| Refused::ByHost)?;
        }
        for file in image.files.iter().filter(|file| *file != "-") {
            if file.is_empty() || File::open(self.current.join(file)).is_err() {
                return Err(Refused::ByHost);
            }
        }
        Ok(image)
    }

    fn explicit(&self, image: &ImageReference) -> Option<String> {
        let path = consign::explicit_path::resolve(self.current, image.path.as_ref()?).ok()?;
        Some(path.to_str().unwrap().to_owned())
    }

    fn filled_in(&self, text: &str) -> String {
        text.replace("$CWD", self.current.to_str().unwrap())
            .replace("$GRAPHROOT", GRAPH_ROOT)
            .replace("$RUNROOT", RUN_ROOT)
    }

    fn placeholders(&self, text: &str) -> String {
        text.replace(self.current.to_str().unwrap(), "$CWD")
            .replace(self.above, "$CWD/..")
            .replace(GRAPH_ROOT, "$GRAPHROOT")
            .replace(RUN_ROOT, "$RUNROOT")
    }
}

/// The store a location leads to: what is not said is as in the empty store the cases have, and a location
/// that leads to that store has its options.
fn opened(said: Option<StoreLocation>) -> StoreLocation {
    let mut store = said.unwrap_or(StoreLocation {
        driver: String::new(),
        graph_root: String::new(),
        run_root: String::new(),
        options: Vec::new(),
    });
    for (said, default) in
        [(&mut store.driver, "vfs"), (&mut store.graph_root, GRAPH_ROOT), (&mut store.run_root, RUN_ROOT)]
    {
        if said.is_empty() {
            *said = default.to_owned();
        }
    }
    if store.graph_root == GRAPH_ROOT && store.run_root == RUN_ROOT {
        store.options.clear();
    }
    store
}

#[derive(Debug)]
enum Refused {
    ByGuest(TransportError),
    /// A file or directory is not there.
    ByHost,
}

impl Refused {
    /// Whether the peer's message speaks of the same problem.
    fn check(&self, message: &str) -> Result<(), String> {
        let of_file = ["lstat ", "faccessat ", "error opening ", "not a directory"];
        let error = match self {
            // The peer looks for the files before it has read the rest of the text.
            _ if of_file.iter().any(|part| message.contains(part)) => return Ok(()),
            Refused::ByHost => return Err(format!("a file is missing, but `{message}`")),
            Refused::ByGuest(error) => error,
        };
        let part = match &error.problem {
            TransportProblem::NoTransport => "expected colon-separated",
            TransportProblem::UnknownTransport(_) => "unknown transport",
            TransportProblem::Unsupported(_) => "not supported in this build",
            TransportProblem::Empty => "",
            TransportProblem::NoSlashes => "does not start with //",
            TransportProblem::Name(ReferenceProblem::UppercasePath(_)) => "must be lowercase",
            TransportProblem::Name(ReferenceProblem::Identifier) => "64-byte hexadecimal",
            TransportProblem::Name(ReferenceProblem::Digest(_)) => "digest",
            TransportProblem::Name(ReferenceProblem::TooLong(_)) => "255 characters",
            TransportProblem::Name(_) => "invalid reference format",
            TransportProblem::NoTag if message.contains("does not include a tag") => return Ok(()),
            TransportProblem::NoTag => "stream:tag",
            TransportProblem::NoTagOrDigest => "has neither a tag nor a digest",
            TransportProblem::TagAndDigest if message.contains("both a tag and digest") => return Ok(()),
            TransportProblem::TagAndDigest => "digest references",
            TransportProblem::TagAndUnknownDigest => "has unknown digest set",
            TransportProblem::IdAlgorithm(_) => "only digest algorithm",
            TransportProblem::ReservedName => "reserved",
            TransportProblem::InvalidPosition(_) if message.contains("out of range") => return Ok(()),
            TransportProblem::InvalidPosition(_) => "invalid syntax",
            TransportProblem::NegativePosition(_) => "must not be negative",
            TransportProblem::InvalidRefName(_) => "Invalid image",
            TransportProblem::InvalidStore => "invalid reference",
            TransportProblem::RelativeStorePath(_) => "not absolute",
            TransportProblem::NoStoreRoot => "no storage runroot or graphroot",
            TransportProblem::NotAnId(text) if text.is_empty() => "empty trailing digest or ID",
            TransportProblem::NotAnId(_) => "does not look like an image ID or digest",
            TransportProblem::Components(_) => "",
        };
        if message.contains(part) { Ok(()) } else { Err(format!("{error:?}, but `{message}`")) }
    }
}

fn name(transport: Transport) -> &'static str {
    match transport {
        Transport::Docker => "docker",
        Transport::DockerArchive => "docker-archive",
        Transport::DockerDaemon => "docker-daemon",
        Transport::Dir => "dir",
        Transport::Oci => "oci",
        Transport::OciArchive => "oci-archive",
        Transport::ContainersStorage => "containers-storage",
        Transport::Tarball => "tarball",
        Transport::Sif => "sif",
        Transport::Atomic => "atomic",
        Transport::Ostree => "ostree",
    }
}
