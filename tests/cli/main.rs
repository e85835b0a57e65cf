//! The command as its users see it: what it prints, how it exits, what it leaves in the store.
//!
//! `snapshots/` holds whole sessions: command, exit code, standard output, standard error.
//! `UPDATE_SNAPSHOTS=1 cargo test --test cli` writes them again.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../sources/archive.rs"]
#[allow(dead_code)]
mod archive;

#[path = "../registry/server.rs"]
#[allow(dead_code)]
mod server;

#[path = "../registry/certificate.rs"]
#[allow(dead_code)]
mod certificate;

#[path = "../registry/proxy.rs"]
#[allow(dead_code)]
mod proxy;

#[path = "../registry/tls.rs"]
mod tls;

mod attaching;
mod cached;
mod carrying;
mod clock;
mod components;
mod configured;
mod copying;
mod credentials;
mod daemon;
mod daemons;
mod daemons_over_tls;
mod deferred;
mod exchanging;
mod family;
mod files;
mod generating;
mod happening;
mod history;
mod hostile;
mod importing;
mod indexed;
mod inspecting;
mod interrupted;
mod killed;
mod kinds;
mod large;
mod layered;
mod listing;
mod listing_peers;
mod loading;
mod lookups;
mod making_indexes;
mod matrix;
mod mixed;
mod naming;
mod overwriting;
mod peers;
mod place;
mod pulling;
mod pulling_places;
mod pushing;
mod reached;
mod registries;
mod removing;
mod repairing;
mod resolving;
mod saving;
mod scarce;
mod sending;
mod served;
mod serving;
mod serving_connections;
mod serving_peers;
mod shelved;
mod short_names;
mod storages;
mod stores;
mod syncing;
mod terminal;
mod together;
mod transcript;
mod trees;
mod trusting;
mod unpacking;
