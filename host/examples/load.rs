//! Temporary: measures sources and loading.
use std::sync::Arc;
use std::time::Instant;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use consign::sandbox::{Limits, Sandbox};
use consign::source::{Source, SourceContent};
use consign::transport::archive::Archive;
use consign::transport::{open_archive, open_directory};

fn main() {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap();
    let path = args.next().unwrap();
    let start = Instant::now();
    let sandbox = Arc::new(Sandbox::new(Limits::default()).unwrap());
    eprintln!("sandbox {:?}", start.elapsed());
    let source: Box<dyn Source> = if std::fs::metadata(&path).unwrap().is_dir() {
        open_directory(Dir::open_ambient_dir(&path, ambient_authority()).unwrap(), &sandbox).unwrap()
    } else {
        let spool = Dir::open_ambient_dir("/tmp", ambient_authority()).unwrap();
        let archive = Archive::open(std::fs::File::open(&path).unwrap(), Some(&spool), Default::default())
            .unwrap_or_else(|e| panic!("{e}: {:?}", e));
        eprintln!("archive {:?}", start.elapsed());
        open_archive(archive, &sandbox).unwrap_or_else(|e| panic!("{e}: {:?}", e))
    };
    eprintln!("source {:?}", start.elapsed());
    if command == "load" {
        let root = args.next().unwrap();
        std::fs::create_dir_all(&root).unwrap();
        let store = consign::store::Store::open(
            Dir::open_ambient_dir(&root, ambient_authority()).unwrap(),
            Default::default(),
        )
        .unwrap();
        eprintln!("store {:?}", start.elapsed());
        let loaded = consign::load::load(&store, &*source, &sandbox, &Default::default(), &());
        match loaded {
            Ok(loaded) => {
                for root in loaded.roots.iter().take(10) {
                    println!(
                        "{} {:?} {} images {} absent",
                        root.descriptor.digest,
                        root.names,
                        root.images.len(),
                        root.absent.len()
                    );
                }
                println!("written {:?} present {:?}", loaded.written, loaded.present);
            }
            Err(e) => println!("{e}: {e:?}"),
        }
        eprintln!("done {:?}", start.elapsed());
        return;
    }
    if command == "roots" {
        for root in source.roots().iter().take(20) {
            println!(
                "{} {} {} {:?} {:?}",
                root.descriptor.media_type,
                root.descriptor.digest,
                root.descriptor.size,
                root.names,
                root.ref_name
            );
        }
        let content = SourceContent::new(source.into(), sandbox.clone());
        use consign::content::Content;
        println!("{:?}", content.search("5").map(|f| f.len()));
        eprintln!("done {:?}", start.elapsed());
    }
}
