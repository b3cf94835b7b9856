//! The home box's Debian package: what is in it, that it installs, upgrades and goes, and what it never touches.
//!
//! Built here by cargo-deb around the program that the tests already built (`tests/run` installs cargo-deb), and installed
//! by dpkg into a root of its own. Where cargo-deb is missing this says so and fails: a package nobody looked into is no
//! package.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn done(command: &mut Command) -> String {
    let output: Output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {said}{complained}");
    said.into_owned()
}

/// The package, built once for all tests here.
fn package() -> &'static Path {
    static PACKAGE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = PACKAGE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vagen-gateway.deb");
        let target = Path::new(env!("CARGO_BIN_EXE_vagen")).ancestors().nth(2).expect("a target directory");
        let places = std::env::var_os("PATH").unwrap_or_default();
        let places = std::iter::once(target.join("tools/bin")).chain(std::env::split_paths(&places));
        // The program as the tests run it; its symbols are left out, as in a release.
        done(
            Command::new("cargo")
                .current_dir(root())
                .env("PATH", std::env::join_paths(places).expect("a path"))
                .env("CARGO_TARGET_DIR", target)
                .args(["deb", "--package", "gateway", "--no-build", "--profile", "dev", "--strip", "--fast"])
                .args(["--offline", "--locked", "--deb-revision", "1", "--output"])
                .arg(&path),
        );
        (folder, path)
    });
    path
}

/// The same package under a later number.
fn upgrade(folder: &Path) -> PathBuf {
    let (tree, path) = (folder.join("tree"), folder.join("upgrade.deb"));
    done(Command::new("dpkg-deb").arg("--raw-extract").arg(package()).arg(&tree));
    let control = std::fs::read_to_string(tree.join("DEBIAN/control")).expect("reads");
    let version = format!("Version: {}-", env!("CARGO_PKG_VERSION"));
    let later = control.replace(&format!("{version}1"), &format!("{version}2"));
    assert_ne!(control, later);
    std::fs::write(tree.join("DEBIAN/control"), later).expect("writes");
    done(Command::new("dpkg-deb").args(["--root-owner-group", "-Znone", "--build"]).arg(&tree).arg(&path));
    path
}

/// Each file of the package: its mode and owner as dpkg-deb prints them.
fn contents(package: &Path) -> BTreeMap<String, (String, String)> {
    let listing = done(Command::new("dpkg-deb").arg("--contents").arg(package));
    let row = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        Some(((*words.get(5)?).to_owned(), ((*words.first()?).to_owned(), (*words.get(1)?).to_owned())))
    };
    listing.lines().filter_map(row).collect()
}

/// An empty system with dpkg's own database in it.
struct Root(tempfile::TempDir);

impl Root {
    fn new() -> Self {
        let root = Self(tempfile::tempdir().expect("a folder"));
        for folder in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "etc"] {
            std::fs::create_dir_all(root.path(folder)).expect("a folder");
        }
        std::fs::write(root.path("var/lib/dpkg/status"), "").expect("writes");
        root
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.0.path().join(inside)
    }

    /// dpkg in this root; maintainer scripts run outside it and are told where it is (`DPKG_ROOT`, dpkg(1)).
    fn dpkg(&self, arguments: &[&str]) -> String {
        done(
            Command::new("dpkg")
                .arg(format!("--root={}", self.0.path().display()))
                .args(["--force-not-root", "--force-script-chrootless", "--force-depends", "--force-confdef"])
                .args(arguments),
        )
    }

    fn text(&self, inside: &str) -> String {
        std::fs::read_to_string(self.path(inside)).expect(inside)
    }
}

#[test]
fn the_package_holds_what_a_box_needs_and_nothing_writable() {
    let folder = tempfile::tempdir().expect("a folder");
    let package = package();
    let contents = contents(package);
    let rows = [
        ("./usr/bin/vagen-gateway", "-rwxr-xr-x"),
        ("./etc/vagen/gateway.toml", "-rw-r--r--"),
        ("./lib/systemd/system/vagen-gateway.service", "-rw-r--r--"),
        ("./usr/lib/sysusers.d/vagen-gateway.conf", "-rw-r--r--"),
        ("./usr/lib/udev/rules.d/60-vagen-gateway.rules", "-rw-r--r--"),
        ("./usr/share/vagen-gateway/sounds/received.wav", "-rw-r--r--"),
        ("./usr/share/vagen-gateway/sounds/delivered.wav", "-rw-r--r--"),
        ("./usr/share/vagen-gateway/sounds/wrong.wav", "-rw-r--r--"),
        ("./usr/share/doc/vagen-gateway/copyright", "-rw-r--r--"),
        ("./usr/share/doc/vagen-gateway/README.md", "-rw-r--r--"),
        ("./usr/share/doc/vagen-gateway/changelog.Debian.gz", "-rw-r--r--"),
    ];
    for (path, mode) in rows {
        assert_eq!(contents.get(path).map(|it| it.0.as_str()), Some(mode), "{path} in {contents:#?}");
    }
    let files = contents.iter().filter(|(path, _)| !path.ends_with('/'));
    assert_eq!(files.count(), rows.len(), "{contents:#?}");
    for (path, (mode, owner)) in &contents {
        assert!(["0/0", "root/root"].contains(&owner.as_str()), "{path} {owner}");
        assert!(!mode[5..].contains('w'), "{path} {mode}");
        assert!(path.is_ascii(), "{path}");
    }
    let field =
        |name: &str| done(Command::new("dpkg-deb").arg("--field").arg(package).arg(name)).trim().to_owned();
    assert_eq!(field("Package"), "vagen-gateway");
    assert_eq!(field("Version"), format!("{}-1", env!("CARGO_PKG_VERSION")));
    for needed in ["bluez", "libc6", "systemd"] {
        assert!(field("Depends").contains(needed), "{}", field("Depends"));
    }
    let conffiles = done(Command::new("dpkg-deb").args(["--info"]).arg(package).arg("conffiles"));
    assert_eq!(conffiles.trim(), "/etc/vagen/gateway.toml");
    for script in ["postinst", "prerm", "postrm"] {
        let text = done(Command::new("dpkg-deb").arg("--info").arg(package).arg(script));
        assert!(text.starts_with("#!/bin/sh\n") && text.contains("set -e"), "{script}");
        let file = folder.path().join(script);
        std::fs::write(&file, text).expect("writes");
        done(Command::new("sh").arg("-n").arg(file));
    }
}

#[test]
fn it_installs_upgrades_and_goes_and_never_takes_an_outbox() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (package(), upgrade(folder.path()));
    let root = Root::new();
    root.dpkg(&["--install", &first.to_string_lossy()]);
    assert!(root.text("etc/passwd").contains("vagen-gateway:"), "its own user");
    let group = root.text("etc/group");
    for name in ["bluetooth", "gpio", "audio"] {
        assert!(
            group.lines().any(|it| it.starts_with(name) && it.contains("vagen-gateway")),
            "{name}: {group}"
        );
    }
    let state = root.path("var/lib/vagen-gateway");
    assert_eq!(std::fs::metadata(&state).expect("a folder").permissions().mode() & 0o777, 0o700);
    let wanted = root.path("etc/systemd/system/multi-user.target.wants/vagen-gateway.service");
    assert!(wanted.symlink_metadata().is_ok(), "enabled");

    // Whoever set the box up wrote who it is; measurements wait.
    let configuration = root.text("etc/vagen/gateway.toml").replace("gw-0001", "gw-4711");
    std::fs::write(root.path("etc/vagen/gateway.toml"), &configuration).expect("writes");
    std::fs::write(state.join("outbox.db"), "measurements").expect("writes");
    root.dpkg(&["--install", &second.to_string_lossy()]);
    assert_eq!(root.text("etc/vagen/gateway.toml"), configuration, "an upgrade keeps the configuration");
    assert_eq!(root.text("var/lib/vagen-gateway/outbox.db"), "measurements");
    assert!(root.text("var/lib/dpkg/status").contains(&format!("{}-2", env!("CARGO_PKG_VERSION"))));

    root.dpkg(&["--remove", "vagen-gateway"]);
    assert!(!root.path("usr/bin/vagen-gateway").exists());
    assert_eq!(root.text("etc/vagen/gateway.toml"), configuration, "removed is not purged");
    let said = root.dpkg(&["--purge", "vagen-gateway"]);
    assert!(!root.path("etc/vagen/gateway.toml").exists());
    assert!(said.contains("the outbox stays"), "{said}");
    assert_eq!(root.text("var/lib/vagen-gateway/outbox.db"), "measurements", "not even then");
}

/// The installed program is the program: it runs from the package and reads the configuration that came with it.
#[test]
fn the_installed_program_reads_the_installed_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    done(Command::new("dpkg-deb").arg("--extract").arg(package()).arg(folder.path().join("x")));
    let program = folder.path().join("x/usr/bin/vagen-gateway");
    assert!(done(Command::new(&program).arg("--version")).starts_with("vagen-gateway "));
    // The example names certificates that are not there: it fails on those, and not on a key.
    let status = Command::new(&program)
        .args(["status", "--config"])
        .arg(folder.path().join("x/etc/vagen/gateway.toml"))
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&status.stderr);
    assert!(said.contains("there is no outbox at /var/lib/vagen-gateway/outbox.db"), "{said}");
}

/// What systemd itself says of the unit (systemd-analyze(1), offline): no complaint, and an exposure below 2.0.
#[test]
fn the_unit_is_sound_and_hardened() {
    let folder = tempfile::tempdir().expect("a folder");
    let unit =
        std::fs::read_to_string(root().join("packaging/systemd/vagen-gateway.service")).expect("reads");
    // The program is not installed on this machine; everything else is as it will be.
    let here = unit.replace("/usr/bin/vagen-gateway", "/bin/true").replace("Documentation=", "# ");
    let path = folder.path().join("vagen-gateway.service");
    std::fs::write(&path, here).expect("writes");
    let verified =
        Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).output().expect("runs");
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    let judged = done(
        Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager", "--threshold=20"])
            .arg(&path),
    );
    let line = judged.lines().find(|line| line.contains("Overall exposure level")).expect("a judgement");
    let level = line
        .rsplit(": ")
        .next()
        .and_then(|it| it.split_whitespace().next())
        .and_then(|it| it.parse::<f64>().ok());
    assert!(level.is_some_and(|level| level < 2.0), "{line}");
    for line in ["Type=notify", "WatchdogSec=60", "NotifyAccess=main"] {
        assert!(unit.lines().any(|one| one == line), "{line}");
    }
}
