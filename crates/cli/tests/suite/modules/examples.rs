//! The rules on small made-up crates.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::rules::{Arrows, arrows, chains, circles, detours, scattered_methods, uses_of};
use super::source::{Workspace, read_workspace};

/// A workspace of the crate `one` and, where a path begins with `two/`, a crate `two`.
fn workspace(files: &[(&str, &str)]) -> (Workspace, Arrows) {
    let folder = TempDir::new().unwrap();
    for (path, text) in files {
        let (name, file) = path.split_once('/').unwrap();
        let folder = folder.path().join("crates").join(name);
        write(&folder.join("Cargo.toml"), &format!("[package]\nname = \"example-{name}\"\n"));
        write(&folder.join("src").join(file), text);
    }
    let workspace = read_workspace(folder.path());
    let arrows = arrows(&workspace);
    (workspace, arrows)
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Files that a file needs.
fn needs<'a>(arrows: &'a Arrows, file: &str) -> Vec<&'a str> {
    arrows.get(file).map(|targets| targets.keys().map(String::as_str).collect()).unwrap_or_default()
}

#[test]
fn a_circle_of_three_files_is_found() {
    let (workspace, arrows) = workspace(&[
        ("one/lib.rs", "mod a; mod b; mod c; mod d;"),
        ("one/a.rs", "use crate::b::B; pub struct A(B);"),
        ("one/b.rs", "pub struct B; impl B { fn c() { crate::c::c(); } }"),
        ("one/c.rs", "pub fn c() { let _ = format!(\"{}\", super::a::A::NAME); }"),
        ("one/d.rs", "use crate::a::A; fn d(_: A) {}"),
    ]);
    let circles = circles(&workspace, &arrows);
    assert_eq!(circles.len(), 1, "{circles:?}");
    assert!(circles[0].starts_with("3 files"), "{}", circles[0]);
    assert!(!circles[0].contains("d.rs"), "{}", circles[0]);
}

#[test]
fn a_table_of_contents_makes_no_circle() {
    let (workspace, arrows) = workspace(&[
        ("one/lib.rs", "mod a; mod folder; pub use a::A; pub use folder::b::B;"),
        ("one/a.rs", "use crate::folder::b::B; pub struct A(B);"),
        ("one/folder/mod.rs", "pub mod b; pub use b::B;"),
        ("one/folder/b.rs", "pub struct B;"),
    ]);
    assert!(circles(&workspace, &arrows).is_empty());
    assert!(needs(&arrows, "crates/one/src/lib.rs").is_empty());
    assert!(detours(&workspace).is_empty());
}

#[test]
fn a_re_exported_name_that_the_table_of_contents_uses_is_an_arrow() {
    let (workspace, arrows) = workspace(&[
        ("one/lib.rs", "mod a; pub use a::A; pub struct Root(A);"),
        ("one/a.rs", "pub struct A; impl A { fn root() -> super::Root { todo!() } }"),
    ]);
    assert_eq!(circles(&workspace, &arrows).len(), 1);
}

#[test]
fn an_arrow_goes_to_the_defining_file_through_re_exports_of_several_crates() {
    let (workspace, arrows) = workspace(&[
        ("one/lib.rs", "mod folder; pub use folder::Thing as Renamed;"),
        ("one/folder/mod.rs", "mod deep; pub use self::deep::*;"),
        ("one/folder/deep.rs", "pub struct Thing;"),
        ("two/lib.rs", "mod user; pub use example_one::Renamed;"),
        ("two/user.rs", "use example_one as first; fn f(_: first::Renamed) {}"),
    ]);
    assert_eq!(needs(&arrows, "crates/two/src/user.rs"), ["crates/one/src/folder/deep.rs"]);
    assert!(detours(&workspace).is_empty());
}

#[test]
fn an_import_through_the_crate_s_root_or_a_parent_is_a_detour() {
    let (workspace, _) = workspace(&[
        ("one/lib.rs", "mod a; mod folder; pub use a::A;"),
        ("one/a.rs", "pub struct A;"),
        ("one/folder/mod.rs", "use crate::a::A; mod b; mod c; pub use b::B; fn f(_: A) {}"),
        ("one/folder/b.rs", "use crate::A; pub struct B(A);"),
        ("one/folder/c.rs", "use super::{A, B}; fn f(_: A, _: B) {}"),
    ]);
    assert_eq!(
        detours(&workspace),
        [
            "crates/one/src/folder/b.rs imports crate::A through crates/one/src/lib.rs; crates/one/src/a.rs defines it",
            "crates/one/src/folder/c.rs imports super::A through crates/one/src/folder/mod.rs; \
         crates/one/src/a.rs defines it",
            "crates/one/src/folder/c.rs imports super::B through crates/one/src/folder/mod.rs; \
         crates/one/src/folder/b.rs defines it",
        ]
    );
}

#[test]
fn another_folder_s_table_of_contents_is_no_detour() {
    let (workspace, arrows) = workspace(&[
        ("one/lib.rs", "mod folder; mod user;"),
        ("one/folder/mod.rs", "mod private; pub use private::P;"),
        ("one/folder/private.rs", "pub struct P;"),
        ("one/user.rs", "use crate::folder::P; fn f(_: P) {}"),
    ]);
    assert!(detours(&workspace).is_empty());
    assert_eq!(needs(&arrows, "crates/one/src/user.rs"), ["crates/one/src/folder/private.rs"]);
}

#[test]
fn unit_tests_may_import_as_they_like() {
    let (workspace, arrows) = workspace(&[
        ("one/lib.rs", "mod a; mod b; pub use b::B; #[cfg(test)] mod tests;"),
        ("one/a.rs", "pub struct A; #[cfg(test)] mod tests { use crate::B; fn f(_: B) {} }"),
        (
            "one/b.rs",
            "use crate::a::A; pub struct B(A); impl B { #[cfg(test)] fn f() -> crate::B { todo!() } }",
        ),
        ("one/tests.rs", "use crate::B; fn f(_: B) {}"),
    ]);
    assert!(circles(&workspace, &arrows).is_empty());
    assert!(detours(&workspace).is_empty());
    assert!(needs(&arrows, "crates/one/src/tests.rs").is_empty());
}

#[test]
fn a_module_inside_a_file_belongs_to_the_file() {
    let (workspace, arrows) = workspace(&[
        ("one/lib.rs", "mod a;"),
        (
            "one/a.rs",
            "use inner::I; mod inner { use super::S; pub struct I(S); } pub struct S; fn f(_: I) {}",
        ),
    ]);
    assert!(arrows.is_empty(), "{arrows:?}");
    assert!(detours(&workspace).is_empty());
}

#[test]
fn methods_apart_from_their_type_are_found_and_trait_implementations_are_not() {
    let (workspace, _) = workspace(&[
        ("one/lib.rs", "mod a; mod b;"),
        ("one/a.rs", "pub struct A; impl A {}"),
        ("one/b.rs", "use crate::a::A; trait T {} impl T for A {} impl A { fn f(&self) {} }"),
    ]);
    assert_eq!(
        scattered_methods(&workspace),
        ["crates/one/src/b.rs has methods of A, which crates/one/src/a.rs defines"]
    );
}

#[test]
fn a_chain_from_the_provider_to_a_secret_crosses_crates() {
    let files = [
        ("one/lib.rs", "pub mod client; pub mod shared; pub use client::key::Secret;"),
        ("one/client/mod.rs", "pub mod key;"),
        ("one/client/key.rs", "pub struct Secret;"),
        ("one/shared.rs", "use crate::client::key::Secret; pub struct Shared(Secret); pub struct Harmless;"),
        ("two/lib.rs", "mod provider;"),
        ("two/provider.rs", "use example_one::shared::Shared; fn f(_: Shared) {}"),
    ];
    let (workspace, arrows) = workspace(&files);
    let chains = chains(&workspace, &arrows, &["crates/two/src/provider"], &["crates/one/src/client"]);
    assert_eq!(
        chains,
        ["crates/two/src/provider.rs\n    -> crates/one/src/shared.rs\n    -> crates/one/src/client/key.rs"]
    );
}

#[test]
fn a_library_s_secret_key_is_found_outside_the_client() {
    let (workspace, _) = workspace(&[
        ("one/lib.rs", "mod client; mod engine;"),
        ("one/client.rs", "use fhe::bfv::SecretKey; fn f(_: SecretKey) {}"),
        (
            "one/engine.rs",
            "use fhe::bfv; fn f(_: bfv::SecretKey) { let _ = Kind::SecretKey; } enum Kind { SecretKey }",
        ),
    ]);
    let uses = uses_of(&workspace, "fhe", "SecretKey", &["crates/one/src"], &["crates/one/src/client"]);
    assert_eq!(uses, ["crates/one/src/engine.rs uses bfv::SecretKey"]);
}

#[test]
#[should_panic(expected = "no source file is in crates/one/src/client")]
fn a_folder_that_is_not_there_cannot_be_guarded() {
    let (workspace, arrows) = workspace(&[("one/lib.rs", "mod a;"), ("one/a.rs", "")]);
    chains(&workspace, &arrows, &["crates/one/src/a"], &["crates/one/src/client"]);
}
