//! Strips the released program: Cargo leaves the symbols in where a package has an optimisation level of its own, as this
//! one has in the workspace's release profile.
//!
//! **Invariant:** nothing but the link of a release build depends on this.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rustc-link-arg-bins=-Wl,--strip-all");
    }
}
