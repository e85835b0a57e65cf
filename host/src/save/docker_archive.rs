//! What `docker save` and `podman save` write: uncompressed layers and configs by digest, `manifest.json`, and
//! for readers from before Docker 1.10 a directory for each layer and `repositories`. Names, order and headers
//! are those of containers/image (docker/internal/tarfile), so that the bytes are podman's and skopeo's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter, Seek as _, Write};

use cap_std::fs::Dir;
use serde_json::json;

use super::choice::stored_layer;
use super::content::{Outgoing, decoder};
use super::document::bytes;
use super::gaps::{Gap, Out, Positioned, fill};
use super::origin::{Bytes, Origin};
use super::piece::{HELD, open};
use super::tar::TarWriter;
use super::{Absent, Kinds, Options, SaveError, Saved, SavedImage, SavedRoot, Wanted};
use crate::digest::Digest;
use crate::load::{Count, Progress};
use crate::resolve::name as full_name;
use crate::sandbox::Sandbox;
use crate::store::{Store, Target};
use crate::transport::spool;
use crate::types::resolution::Resolved;
use crate::types::{Descriptor, ImageName};

const FORMAT: &str = "docker-archive";
const BUFFER: usize = 256 << 10;
/// Nobody writes to what was unpacked.
const MODE: u32 = 0o444;

/// An image on its way out.
struct Image {
    root: SavedRoot,
    config: Vec<u8>,
    /// Base layer first.
    layers: Vec<Layer>,
}

struct Layer {
    diff_id: Digest,
    /// The form that is read.
    blob: Target,
    /// The same, open, as far as there are handles: a removal meanwhile does not matter then.
    open: Option<Bytes>,
    /// The same without its compression, verified, where that had to be done to know its size.
    undone: Option<File>,
    /// Bytes uncompressed; `None`: not known yet.
    size: Option<u64>,
    /// Whether the catalogue has that the blob uncompressed is this layer.
    known: bool,
}

pub(super) fn write(
    from: &Origin,
    sandbox: &Sandbox,
    wanted: &[Wanted],
    options: &Options<'_>,
    out: &mut dyn Write,
    progress: &dyn Progress,
) -> Result<Saved, SaveError> {
    let out = BufWriter::with_capacity(BUFFER, out);
    let (saved, _) = write_to(from, sandbox, wanted, options, out, progress)?;
    Ok(saved)
}

/// The same to an empty file. Layers are filled in last.
pub(super) fn write_file(
    from: &Origin,
    sandbox: &Sandbox,
    wanted: &[Wanted],
    options: &Options<'_>,
    file: &File,
    progress: &dyn Progress,
) -> Result<Saved, SaveError> {
    let out = BufWriter::with_capacity(BUFFER, Positioned::new(file));
    let (saved, gaps) = write_to(from, sandbox, wanted, options, out, progress)?;
    fill(file, gaps, |layer, place| layer.write(from, place, progress))?;
    Ok(saved)
}

/// Writes all but what could be passed over, which is in the answer.
fn write_to<W: Out>(
    from: &Origin,
    sandbox: &Sandbox,
    wanted: &[Wanted],
    options: &Options<'_>,
    out: W,
    progress: &dyn Progress,
) -> Result<(Saved, Vec<Gap<Layer>>), SaveError> {
    let refused = match options {
        Options { kinds: Some(Kinds::Oci), .. } => Some("manifests of OCI"),
        Options { compress: Some(_), .. } => Some("compressed layers"),
        Options { absent: Absent::Refuse | Absent::Keep, .. } => Some("an index of platforms"),
        _ => None,
    };
    if let Some(what) = refused {
        return Err(SaveError::Unsupported { format: FORMAT, what });
    }
    super::refuse_signed(from, sandbox, wanted, options, FORMAT)?;
    let mut images = images(from, sandbox, wanted, options)?;
    let mut distinct = BTreeMap::new();
    let layers = images.iter().flat_map(|image| &image.layers);
    distinct.extend(layers.map(|layer| (&layer.diff_id, layer.size.unwrap_or(layer.blob.size))));
    let blobs = Count { blobs: distinct.len(), bytes: distinct.values().sum() };
    progress.planned(blobs.blobs, blobs.bytes);

    let mut archive = Archive {
        from,
        spool: options.spool,
        tar: TarWriter::new(out),
        progress,
        written: BTreeSet::new(),
        gaps: Vec::new(),
        legacy: BTreeSet::new(),
        repositories: BTreeMap::new(),
    };
    for image in &mut images {
        archive.image(sandbox, image)?;
    }
    let gaps = std::mem::take(&mut archive.gaps);
    let roots = archive.finish(images)?;
    Ok((Saved { roots, blobs }, gaps))
}

/// The images that are meant, each once, with all the names it is wanted under.
fn images(
    from: &Origin,
    sandbox: &Sandbox,
    wanted: &[Wanted],
    options: &Options<'_>,
) -> Result<Vec<Image>, SaveError> {
    let mut images: Vec<Image> = Vec::new();
    let mut held = BTreeSet::new();
    for wanted in wanted {
        let chosen = from.choose(sandbox, wanted, &options.choice)?;
        let tagged = wanted.names.iter().filter(|name| name.digest.is_none()).cloned();
        if let Some(known) = images.iter_mut().find(|known| known.root.written.digest == chosen.config.digest)
        {
            for name in tagged {
                if !known.root.names.contains(&name) {
                    known.root.names.push(name);
                }
            }
            continue;
        }
        let names = tagged.collect();
        let mut image = image(from, wanted, &chosen, names)?;
        for layer in &mut image.layers {
            if from.store().is_some() && held.len() < HELD && held.insert(layer.diff_id.clone()) {
                layer.open = Some(from.open(&Descriptor::from(&layer.blob))?);
            }
        }
        images.push(image);
    }
    Ok(images)
}

fn image(
    from: &Origin,
    wanted: &Wanted,
    chosen: &Resolved,
    names: Vec<ImageName>,
) -> Result<Image, SaveError> {
    let id: Digest = chosen.config.digest.parse()?;
    let incomplete = |absent| SaveError::Incomplete { wanted: id.clone(), absent };
    let config = from.read(&chosen.config)?.ok_or_else(|| incomplete(vec![id.clone()]))?;
    let mut layers = Vec::with_capacity(chosen.layers.len());
    let mut absent = Vec::new();
    for layer in &chosen.layers {
        let diff_id: Digest = layer.diff_id.parse()?;
        let form = match (from, &layer.blob) {
            (Origin::Store(store), listed) => stored_layer(store, &diff_id, listed.as_ref())?,
            (Origin::Source(_), Some(listed)) if from.contains(listed)? => Some(Target::try_from(listed)?),
            (Origin::Source(_), _) => None,
        };
        match form {
            Some(blob) => {
                let known = known_size(from, &diff_id, &blob)?;
                let size = match (known, from.store()) {
                    (None, Some(store)) => Some(measure(store, &blob)?),
                    (known, _) => known,
                };
                let known = known.is_some();
                layers.push(Layer { diff_id, blob, open: None, undone: None, size, known });
            }
            None => absent.push(match &layer.blob {
                Some(blob) => blob.digest.parse()?,
                None => diff_id,
            }),
        }
    }
    if !absent.is_empty() {
        return Err(incomplete(absent));
    }
    let image = SavedImage { manifest: None, id, platform: chosen.platform.clone() };
    let root = SavedRoot {
        stored: wanted.target.clone(),
        written: chosen.config.clone(),
        names,
        images: vec![image],
        absent: Vec::new(),
    };
    Ok(Image { root, config, layers })
}

/// How long the layer is uncompressed, if the catalogue knows. It does, of layers that came with an image.
fn known_size(from: &Origin, diff_id: &Digest, blob: &Target) -> Result<Option<u64>, SaveError> {
    if blob.digest == *diff_id {
        return Ok(Some(blob.size));
    }
    let Some(store) = from.store() else { return Ok(None) };
    let forms = store.layers().of_blob(&blob.digest)?;
    Ok(forms.iter().find(|known| known.diff_id == *diff_id).map(|known| known.unpacked_size))
}

/// The same, found out: the layer is decompressed once for it.
fn measure(store: &Store, blob: &Target) -> Result<u64, SaveError> {
    let failed = |source| SaveError::Read { digest: blob.digest.clone(), source };
    let input = io::BufReader::with_capacity(BUFFER, open(store, &blob.digest)?);
    let mut decoder = decoder(input, u64::MAX).map_err(failed)?;
    io::copy(&mut decoder, &mut io::sink()).map_err(failed)
}

/// The archive being written.
struct Archive<'a, W: Out> {
    from: &'a Origin,
    /// Where layers are undone whose size is not known.
    spool: Option<&'a Dir>,
    tar: TarWriter<W>,
    progress: &'a dyn Progress,
    /// Layers that are there.
    written: BTreeSet<Digest>,
    /// Those among them that are to be filled in.
    gaps: Vec<Gap<Layer>>,
    /// Legacy images that are there.
    legacy: BTreeSet<String>,
    /// Tags by repository, each with its legacy image.
    repositories: BTreeMap<String, BTreeMap<String, String>>,
}

impl Layer {
    /// Undoes it into a temporary file, where its size is not known: a tar has sizes before content.
    fn measure(
        &mut self,
        from: &Origin,
        spool: Option<&Dir>,
        progress: &dyn Progress,
    ) -> Result<u64, SaveError> {
        if let Some(size) = self.size {
            return Ok(size);
        }
        let path = "a temporary file";
        let failed = |source| SaveError::Write { path: path.to_owned(), source };
        let mut file = spool::unnamed(spool.ok_or(SaveError::NoSpool)?).map_err(failed)?;
        let (target, blob) = (Descriptor::from(&self.blob), &self.blob.digest);
        progress.started(&target);
        let outgoing = Outgoing { blob, digest: &self.diff_id, size: self.blob.size, path };
        // Progress counts what is read.
        let bytes = from.open(&target)?;
        let size = outgoing.copy_unmeasured(bytes, &mut file, &|_| ())?;
        progress.advanced(&target, self.blob.size);
        progress.finished(&target, false);
        file.rewind().map_err(failed)?;
        self.undone = Some(file);
        Ok(*self.size.insert(size))
    }

    /// Writes it, uncompressed and verified.
    fn write(self, from: &Origin, out: &mut dyn Write, progress: &dyn Progress) -> Result<(), SaveError> {
        let path = layer_path(&self.diff_id);
        let failed = |source| SaveError::Write { path: path.clone(), source };
        let blob = Descriptor::from(&self.blob);
        if let Some(mut file) = self.undone {
            return io::copy(&mut file, out).map(drop).map_err(failed);
        }
        let (digest, size) = (&self.diff_id, self.size.unwrap_or(self.blob.size));
        let descriptor = Descriptor { digest: digest.to_string(), size, ..blob.clone() };
        progress.started(&descriptor);
        let bytes = self.open.map_or_else(|| from.open(&blob), Ok)?;
        let outgoing = Outgoing { blob: &self.blob.digest, digest, size, path: &path };
        let advanced = |bytes| progress.advanced(&descriptor, bytes);
        if self.blob.digest == self.diff_id {
            outgoing.copy(bytes, out, &advanced)?;
        } else {
            outgoing.copy_undone(bytes, self.known, out, &advanced)?;
        }
        progress.finished(&descriptor, false);
        Ok(())
    }
}

impl<W: Out> Archive<'_, W> {
    fn image(&mut self, sandbox: &Sandbox, image: &mut Image) -> Result<(), SaveError> {
        for layer in &mut image.layers {
            if self.written.insert(layer.diff_id.clone()) {
                self.layer(layer)?;
            }
        }
        let path = config_path(&image.root.written)?;
        self.tar.bytes(&path, MODE, &image.config).map_err(failed(&path))?;
        self.legacy_images(sandbox, image)
    }

    fn layer(&mut self, layer: &mut Layer) -> Result<(), SaveError> {
        let path = layer_path(&layer.diff_id);
        let size = layer.measure(self.from, self.spool, self.progress)?;
        self.tar.file(&path, MODE, size).map_err(failed(&path))?;
        let content = Layer {
            diff_id: layer.diff_id.clone(),
            blob: layer.blob.clone(),
            open: layer.open.take(),
            undone: layer.undone.take(),
            ..*layer
        };
        if content.undone.is_some() {
            // Filled in later it would need its room twice for longer.
            return content.write(self.from, &mut self.tar, self.progress);
        }
        match self.tar.leave().map_err(failed(&path))? {
            Some(at) => {
                self.gaps.push(Gap { at, size, content });
                Ok(())
            }
            None => content.write(self.from, &mut self.tar, self.progress),
        }
    }

    /// A directory for each layer, and the image's tags.
    fn legacy_images(&mut self, sandbox: &Sandbox, image: &Image) -> Result<(), SaveError> {
        let diff_ids: Vec<String> = image.layers.iter().map(|layer| layer.diff_id.to_string()).collect();
        let legacy = sandbox.legacy_layers(&image.config, &diff_ids)?.map_err(|problem| {
            let digest = Digest::of(&image.config);
            SaveError::Document { digest, problem }
        })?;
        for (layer, legacy) in image.layers.iter().zip(&legacy) {
            if !self.legacy.insert(legacy.id.clone()) {
                continue;
            }
            let path = |file: &str| format!("{}/{file}", legacy.id);
            let target = format!("../{}", layer_path(&layer.diff_id));
            let link = path("layer.tar");
            self.tar.symlink(&link, &target).map_err(failed(&link))?;
            let version = path("VERSION");
            self.tar.bytes(&version, MODE, b"1.0").map_err(failed(&version))?;
            let json = path("json");
            self.tar.bytes(&json, MODE, legacy.json.as_bytes()).map_err(failed(&json))?;
        }
        let Some(top) = legacy.last() else { return Ok(()) };
        for name in &image.root.names {
            let repository = format!("{}/{}", name.domain, name.path);
            let tag = name.tag.clone().unwrap_or_else(|| "latest".into());
            self.repositories.entry(repository).or_default().insert(tag, top.id.clone());
        }
        Ok(())
    }

    fn finish(mut self, images: Vec<Image>) -> Result<Vec<SavedRoot>, SaveError> {
        let mut entries = Vec::with_capacity(images.len());
        for image in &images {
            let tags: Vec<String> = image.root.names.iter().map(full_name).collect();
            let layers: Vec<String> = image.layers.iter().map(|layer| layer_path(&layer.diff_id)).collect();
            let config = config_path(&image.root.written)?;
            entries.push(json!({"Config": config, "RepoTags": tags, "Layers": layers}));
        }
        let manifest = bytes(&entries.into());
        self.tar.bytes("manifest.json", MODE, &manifest).map_err(failed("manifest.json"))?;
        let repositories = bytes(&json!(self.repositories));
        self.tar.bytes("repositories", MODE, &repositories).map_err(failed("repositories"))?;
        self.tar.finish().map_err(failed("the end marker"))?;
        Ok(images.into_iter().map(|image| image.root).collect())
    }
}

fn layer_path(diff_id: &Digest) -> String {
    format!("{}.tar", diff_id.hex())
}

fn config_path(config: &Descriptor) -> Result<String, SaveError> {
    let digest: Digest = config.digest.parse()?;
    Ok(format!("{}.json", digest.hex()))
}

fn failed(path: &str) -> impl FnOnce(io::Error) -> SaveError {
    let path = path.to_owned();
    move |source| SaveError::Write { path, source }
}
